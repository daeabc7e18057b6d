"""What folders and buckets do beyond the contract, which test_check_value_store.py tries."""

from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.s3_server import serve_s3
from tests.value_stores import keys
from trioflow.errors import DefinitionError, ValueStoreError
from trioflow.testing import check_value_store
from trioflow.values import BucketValues, FolderValues, MemoryValues, value_store


class TestFolder:
    async def test_a_canceled_write_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, reached, go_on = FolderValues(tmp_path), trio.Event(), threading.Event()
        token = trio.lowlevel.current_trio_token()
        monkeypatch.setattr("trioflow.values._folder.PIECE", 4)
        open_file = Path.open

        def slowly(self: Path, *args: Any) -> object:
            token.run_sync_soon(reached.set)
            go_on.wait()
            return open_file(self, *args)

        monkeypatch.setattr(Path, "open", slowly)
        async with store, trio.open_nursery() as nursery:
            nursery.start_soon(store.write, "values/a/1", b"12345678")
            await reached.wait()
            nursery.cancel_scope.cancel()
            go_on.set()

        assert await keys(store) == []

    async def test_a_folder_that_is_gone_is_not_made_again(self, tmp_path: Path) -> None:
        path = tmp_path / "mounted"
        store = FolderValues(path)
        async with store:
            path.rmdir()

            with pytest.raises(ValueStoreError, match="does not exist") as caught:
                await store.write("values/a/1", b"x")
            assert caught.value.transient
            with pytest.raises(ValueStoreError):
                await store.read("values/a/1")
            with pytest.raises(ValueStoreError):
                await store.list_values("values/")
            with pytest.raises(ValueStoreError):
                await store.delete("values/a/1")
        assert not path.exists()

    async def test_a_file_in_the_place_of_the_folder_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "values").touch()

        with pytest.raises(ValueStoreError, match="exists") as caught:
            async with FolderValues(tmp_path / "values"):
                pass
        assert not caught.value.transient

    async def test_folders_may_disappear_while_a_value_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever deletes the last value in a folder removes it, in any process."""
        open_file, replace, mkdir, removed = Path.open, os.replace, Path.mkdir, []

        def remove(folder: Path) -> None:
            if folder not in removed:
                removed.append(folder)
                folder.rmdir()

        def opened(self: Path, mode: str) -> Any:
            remove(self.parent)
            return open_file(self, mode)

        def replaced(source: Path, target: Path) -> None:
            remove(target.parent)
            replace(source, target)

        def made(self: Path, *args: Any, **options: Any) -> None:
            mkdir(self, *args, **options)
            if self.name == "values":
                remove(self)

        monkeypatch.setattr(Path, "open", opened)
        monkeypatch.setattr(os, "replace", replaced)
        monkeypatch.setattr(Path, "mkdir", made)
        async with FolderValues(tmp_path) as store:
            await store.write("values/a/1", b"x")
        monkeypatch.undo()
        assert await store.read("values/a/1") == b"x"
        assert [folder.name for folder in removed] == ["tmp", "values", "a"]

    async def test_a_file_in_the_place_of_an_inner_folder_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "tmp").touch()
        async with FolderValues(tmp_path) as store:
            with pytest.raises(ValueStoreError, match="exists") as caught:
                await store.write("values/a/1", b"x")
        assert not caught.value.transient

    async def test_a_value_may_be_deleted_as_soon_as_it_has_its_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        replace = os.replace

        def replaced(source: Path, target: Path) -> None:
            replace(source, target)
            store._delete("values/a/1")

        monkeypatch.setattr(os, "replace", replaced)
        async with FolderValues(tmp_path) as store:
            await store.write("values/a/1", b"x")
            assert await store.read("values/a/1") is None

    def test_a_relative_path_is_that_of_now(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        store = FolderValues("values")
        monkeypatch.chdir("/")

        assert repr(store) == f"FolderValues({os.fspath(tmp_path / 'values')!r})"
        assert repr(pickle.loads(pickle.dumps(store))) == repr(store)


class TestBucket:
    @pytest.mark.slow
    async def test_one_over_http_fulfills_the_contract(self) -> None:
        async with serve_s3() as server:
            await check_value_store(lambda: BucketValues("s3://bucket", **server.options))

    async def test_objects_travel_over_http(self) -> None:
        async with serve_s3() as server:
            store = BucketValues("s3://bucket/runs", **server.options)
            other = pickle.loads(pickle.dumps(store))  # as a worker process gets it
            large = os.urandom(12_000_000)  # in several parts

            await store.write("values/=41/1", large)
            await store.write("uses/a/=41/1", b"")

            assert await other.read("values/=41/1") == large
            assert [each.size for each in await other.list_values("values/=41/")] == [12_000_000]
            assert await other.read("uses/a/=41/1") == b""
            await other.delete("values/=41/1")
            await other.delete("values/=41/1")
            assert await store.read("values/=41/1") is None

    async def test_a_service_that_is_away_may_come_back(self) -> None:
        async with serve_s3() as server:
            store = BucketValues("s3://bucket", **server.options)
        with pytest.raises(ValueStoreError) as caught:
            await store.write("values/a/1", b"x")
        assert caught.value.transient

    async def test_a_refusal_is_for_good(self) -> None:
        async with serve_s3(refuses=True) as server:
            store = BucketValues("s3://bucket", **server.options)

            with pytest.raises(ValueStoreError) as caught:
                await store.read("values/a/1")
        assert not caught.value.transient
        assert "secret" not in str(caught.value)

    def test_a_wrong_option_is_found_at_once(self) -> None:
        with pytest.raises(DefinitionError, match="BucketValues"):
            BucketValues("s3://bucket", no_such_option="x")


def test_stores_have_urls(tmp_path: Path) -> None:
    assert repr(value_store(f"folder:{tmp_path}")) == f"FolderValues({str(tmp_path)!r})"
    assert isinstance(value_store("s3://bucket/path"), BucketValues)
    memory = MemoryValues()
    assert value_store(memory) is memory
    for wrong in ("values", "", "ftp://x/y", "folder:", "folder: "):
        with pytest.raises(DefinitionError):
            value_store(wrong)
    with pytest.raises(TypeError, match="other processes"):
        pickle.dumps(memory)
