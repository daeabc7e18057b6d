"""Nothing leads out of a root: neither ``..`` nor links, not even links that appear meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trioflow_files import (
    FileAccessError,
    OutsideRootError,
    RootError,
    UnreadableError,
    confined,
    list_below,
    read_text,
    to_text,
    write_text,
)
from trioflow_files.confined import parts_of

SECRET = "the secret"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root beside which there is a secret."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text(SECRET)
    (tmp_path / "root" / "folder").mkdir(parents=True)
    (tmp_path / "root" / "folder" / "file").write_text("public")
    return tmp_path / "root"


@pytest.fixture(params=[True, False], ids=["descriptors", "paths"])
def kinds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use each of the two ways to open folders: that of Unix, and that of Windows."""
    monkeypatch.setattr(confined, "HAS_FOLDER_DESCRIPTORS", request.param)


ACCESSES: list[Callable[[str, str], Any]] = [
    read_text,
    list_below,
    lambda root, path: write_text(root, path, "x"),
    lambda root, path: write_text(root, path, "x", overwrite=True),
]


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("access", ACCESSES, ids=["read", "list", "write", "overwrite"])
@pytest.mark.parametrize(
    "path",
    [
        "../secret/file",
        "..",
        "folder/../../secret/file",
        "folder/..",
        "./../secret",
        r"\x2e\x2e/secret/file",
        r"\x2e./secret",
        "/etc/passwd",
        "//etc/passwd",
        r"\x2fetc/passwd",
        "link/file",
        "to_root/folder/file",
        "folder/up/secret/file",
        "proc/self/environ",
    ],
)
def test_what_leads_out_is_refused(root: Path, access: Callable[..., Any], path: str) -> None:
    (root / "link").symlink_to("../secret")
    (root / "to_root").symlink_to(".")
    (root / "folder" / "up").symlink_to("../..")
    (root / "proc").symlink_to("/proc")

    with pytest.raises(OutsideRootError):
        access(str(root), path)
    assert (root.parent / "secret" / "file").read_text() == SECRET


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("target", ["../secret/file", "folder/file", "/etc/passwd", "nowhere"])
def test_a_file_that_is_a_link_is_not_read(root: Path, target: str) -> None:
    (root / "link").symlink_to(target)

    with pytest.raises(OutsideRootError, match="symbolic link"):
        read_text(str(root), "link")


def test_the_root_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to("root")

    assert read_text(str(tmp_path / "here"), "folder/file").text == "public"
    assert [e.path for e in list_below(str(tmp_path / "here"), "folder")] == ["folder/file"]


@pytest.mark.usefixtures("kinds")
def test_a_link_is_replaced_and_not_what_it_leads_to(root: Path) -> None:
    (root / "link").symlink_to("../secret/file")

    with pytest.raises(UnreadableError, match="exists"):
        write_text(str(root), "link", "mine")
    assert write_text(str(root), "link", "mine", overwrite=True) == 4

    assert not (root / "link").is_symlink()
    assert (root / "link").read_text() == "mine"
    assert (root.parent / "secret" / "file").read_text() == SECRET
    assert sorted(os.listdir(root)) == ["folder", "link"]


# ---------------------------------------------------------------- races
@contextmanager
def swapping(place: Path, target: Path) -> Iterator[None]:
    """Replace a file or folder by a link, and back, as fast as possible in this block."""
    aside, over = place.with_name("aside"), threading.Event()

    def swap() -> None:
        while not over.is_set():
            place.rename(aside)
            place.symlink_to(target)
            place.unlink()
            aside.rename(place)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("swapped", ["folder", "folder/file"])
def test_a_link_that_appears_meanwhile_is_not_followed(root: Path, swapped: str) -> None:
    seen = set()
    with swapping(root / swapped, root.parent / swapped.replace("folder", "secret")):
        for _ in range(500):
            try:
                seen.add(read_text(str(root), "folder/file").text)
            except FileAccessError as exc:
                seen.add(type(exc).__name__)
    assert seen <= {"public", "OutsideRootError", "UnreadableError"}
    assert read_text(str(root), "folder/file").text == "public"


def test_a_folder_that_becomes_a_link_is_not_listed(root: Path) -> None:
    (root.parent / "secret" / "private").touch()
    with swapping(root / "folder", root.parent / "secret"):
        for _ in range(300):
            paths = {entry.path for entry in list_below(str(root))}
            assert "folder/private" not in paths


def test_nothing_is_written_through_a_link_that_appears(root: Path) -> None:
    with swapping(root / "folder", root.parent / "secret"):
        for number in range(300):
            with suppress(FileAccessError):
                write_text(str(root), f"folder/new{number}", "x")
    assert os.listdir(root.parent / "secret") == ["file"]


# ---------------------------------------------------------------- names
@given(st.lists(st.binary(min_size=1, max_size=8), max_size=4))
def test_parts_are_names_in_the_root(names: list[bytes]) -> None:
    path = b"/".join(names)
    try:
        parts = parts_of(to_text(os.fsdecode(path)))
    except OutsideRootError:
        assert path.startswith(b"/") or b".." in path.split(b"/")
        return
    assert parts == [os.fsdecode(p) for p in path.split(b"/") if p not in (b"", b".")]


@pytest.mark.parametrize("name", [b"caf\xe9", b"a\nb", b"a\\b", b" ", b"-", b"...", b"~", b"*"])
def test_names_that_are_hard_are_found(root: Path, name: bytes) -> None:
    text = to_text(os.fsdecode(name))
    assert write_text(str(root), text, "x") == 1

    assert text in [entry.path for entry in list_below(str(root))]
    assert read_text(str(root), text).text == "x"


@pytest.mark.parametrize("path", [r"a\x00b", r"\ud800", "a" * 5000, "a/" * 3000])
def test_names_that_no_file_has_are_refused(root: Path, path: str) -> None:
    with pytest.raises(UnreadableError):
        read_text(str(root), path)
    with pytest.raises(UnreadableError):
        list_below(str(root), path)


@pytest.mark.parametrize("root_", ["", "nowhere", "a\0b", "/etc/passwd"])
def test_a_root_that_is_no_folder_is_an_error(root_: str) -> None:
    for access in ACCESSES:
        with pytest.raises(RootError):
            access(root_, "file")
