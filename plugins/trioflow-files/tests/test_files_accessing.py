"""What ``files.read``, ``files.list`` and ``files.write`` do inside the root."""

from __future__ import annotations

import os
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trioflow_files import (
    FileAccessError,
    FileEntry,
    FileText,
    IgnoredFileError,
    NotTextError,
    OutsideRootError,
    TooLargeError,
    UnreadableError,
    list_below,
    read_text,
    tools_in,
    write_text,
)
from trioflow_files.accessing import SCANNED
from trioflow_files.texts import as_text, cut_lines

from trioflow import StepContext, Workflow, open_engine, step


# ---------------------------------------------------------------- reading
def test_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfone\ntwo\r\n\xc3\xa4\n")
    root = str(tmp_path)

    assert read_text(root, "a") == FileText("a", "one\ntwo\r\n\xe4\n", 1, 3, is_cut=False)
    assert read_text(root, "./a", 2, 6) == FileText("a", "two\r\n", 2, 1, is_cut=True)
    assert read_text(root, "a", 1, 2) == FileText("a", "on", 1, 1, is_cut=True)
    assert read_text(root, "a", 5) == FileText("a", "", 5, 0, is_cut=False)


@given(st.text("ab\n\xe4", max_size=40), st.integers(1, 12))
def test_parts_are_the_whole_text(text: str, limit: int) -> None:
    line, seen = 1, ""
    while True:
        part = cut_lines(text, "a", line, limit, is_cut=False)
        assert len(part.text) <= limit
        seen += part.text
        if not part.is_cut or not part.text.endswith("\n"):
            break
        line += part.lines
    assert text.startswith(seen)
    assert part.is_cut or seen == text


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a\0b", "is binary: byte 1 is NUL"),
        (b"\x89PNG\r\n\x1a\n\0", "is binary"),
        ("\xe4".encode("utf-16"), "is binary"),
        (b"caf\xe9", "is not UTF-8: unexpected end of data at byte 3"),
        (b"\xed\xa0\x80", "is not UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "a").write_bytes(content)

    with pytest.raises(NotTextError) as caught:
        read_text(str(tmp_path), "a")
    assert problem in str(caught.value)


def test_the_beginning_of_a_huge_file_is_read(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb") as file:
        file.write(b"first\n" * 10)
        file.truncate(1 << 40)
    with pytest.raises(NotTextError):  # what follows are NULs
        read_text(str(tmp_path), "a")

    line = "\xe4" * 99 + "\n"
    (tmp_path / "b").write_text(line * (2 * SCANNED // len(line.encode())))
    part = read_text(str(tmp_path), "b", 3, 250)
    assert part == FileText("b", 2 * line, 3, 2, is_cut=True)
    with pytest.raises(TooLargeError, match="line 30000 is after"):
        read_text(str(tmp_path), "b", 30_000)


def test_a_character_that_is_cut_off_is_no_fault() -> None:
    data = "a\xe4".encode()[:2]
    assert as_text(data, "f", is_cut=True) == "a"
    with pytest.raises(NotTextError):
        as_text(data, "f", is_cut=False)


def test_special_files_do_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for name, problem in (("fifo", "FIFO"), ("socket", "socket"), (".", "is the root")):
            with pytest.raises(UnreadableError, match=problem) as caught:
                read_text(str(tmp_path), name)
            assert caught.value.kind == "not a file"
    with pytest.raises(UnreadableError, match="character device"):
        read_text("/dev", "zero")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_the_files_of_proc_are_read_with_a_bound() -> None:
    assert read_text("/proc/self", "status", 1, 10).is_cut
    with pytest.raises(OutsideRootError):
        read_text("/proc/self", "cwd/a")
    with pytest.raises(OutsideRootError):
        read_text("/proc", "self/status")


@pytest.mark.parametrize("number", [0, -1])
def test_numbers_are_positive(tmp_path: Path, number: int) -> None:
    for call in (
        lambda: read_text(str(tmp_path), "a", number),
        lambda: read_text(str(tmp_path), "a", 1, number),
        lambda: list_below(str(tmp_path), "", number),
    ):
        with pytest.raises(ValueError, match="must be at least 1"):
            call()


# ---------------------------------------------------------------- what is left out
@pytest.fixture
def checkout(tmp_path: Path) -> str:
    for path, content in {
        ".gitignore": "*.env\n/build/\n",
        ".git/config": "token",
        "a.py": "",
        "a.env": "KEY=1",
        "build/b.py": "",
        "src/.gitignore": "!keep.env\nlocal",
        "src/keep.env": "",
        "src/b.env": "",
        "src/local/c.py": "",
    }.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    return str(tmp_path)


def test_what_is_listed_can_be_read_and_nothing_else(checkout: str) -> None:
    listed = {entry.path for entry in list_below(checkout)}
    assert listed == {".gitignore", "a.py", "src/.gitignore", "src/keep.env"}
    for folder, _, names in os.walk(checkout):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), checkout)
            if path in listed:
                assert read_text(checkout, path).path == path
            else:
                with pytest.raises(IgnoredFileError):
                    read_text(checkout, path)


def test_rules_above_a_folder_apply_in_it(checkout: str) -> None:
    assert list_below(checkout, "src") == [
        FileEntry(checkout, "src/.gitignore"),
        FileEntry(checkout, "src/keep.env"),
    ]
    for path in ("build", "src/local", ".git", ".GIT"):
        with pytest.raises(IgnoredFileError):
            list_below(checkout, path)


def test_nothing_is_written_to_the_own_folder_of_git(checkout: str) -> None:
    for path in (".git/hooks", ".Git/config"):
        with pytest.raises(IgnoredFileError):
            write_text(checkout, path, "x", overwrite=True)


# ---------------------------------------------------------------- listing and writing
def test_lists_have_a_bound(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}").touch()

    assert len(list_below(str(tmp_path), "", 5)) == 5
    with pytest.raises(TooLargeError, match="more than 4 files; raise the limit"):
        list_below(str(tmp_path), "", 4)
    for name in ("b", "a", ".git"):
        (tmp_path / name).mkdir()
    with pytest.raises(TooLargeError, match=r"list one of its folders \(a, b\)"):
        list_below(str(tmp_path), "", 4)


@pytest.mark.parametrize(("path", "kind"), [("nowhere", "vanished"), ("file", "vanished")])
def test_what_is_no_folder_is_not_listed(tmp_path: Path, path: str, kind: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UnreadableError) as caught:
        list_below(str(tmp_path), path)
    assert caught.value.kind == kind


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert write_text(root, "a", "\xe4\n") == 3
    with pytest.raises(UnreadableError, match="exists"):
        write_text(root, "a", "b")
    assert write_text(root, "a", "b", overwrite=True) == 1
    (tmp_path / "folder").mkdir()
    for path in ("folder", "", "nowhere/b"):
        with pytest.raises(UnreadableError):
            write_text(root, path, "b", overwrite=True)

    assert sorted(os.listdir(root)) == ["a", "folder"]
    assert (tmp_path / "a").read_text() == "b"


# ---------------------------------------------------------------- as tools
async def test_they_are_tools(tmp_path: Path) -> None:
    root = str(tmp_path)

    @step
    async def use(value: int, ctx: StepContext) -> Any:
        await ctx.call_tool("files.write", path="a", text="text", root=root)
        listed = await ctx.call_tool("files.list", root=root)
        read = await ctx.call_tool("files.read", path="a", root=root)
        bound = [await ctx.call_tool(tool, path=p) for tool, p in zip(here, ("a", ""), strict=True)]
        return [listed, read, bound]

    here = tools_in(root)
    workflow = Workflow("w", input=int, output=Any).then(use)
    async with open_engine(plugins=["files"], workflows=[workflow]) as engine:
        output = (await engine.create_run("w").start(0)).unwrap()

    text = FileText("a", "text", 1, 1, is_cut=False)
    assert output == [[FileEntry(root, "a")], text, [text, ["a"]]]
    assert [set(tool.schema["properties"]) for tool in here] == [{"path", "first_line"}, {"path"}]


async def test_reading_notices_that_it_is_canceled(tmp_path: Path) -> None:
    (tmp_path / "a").touch()

    def read() -> Any:
        trio.from_thread.run_sync(scope.cancel)
        return tools_in(str(tmp_path))[0].fn("a")

    with trio.CancelScope() as scope:
        await trio.to_thread.run_sync(read)
    assert scope.cancelled_caught


@pytest.mark.parametrize("cls", FileAccessError.__subclasses__())
def test_errors_survive_pickling(cls: type[FileAccessError]) -> None:
    error = cls("a", "is odd")
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "'a' is odd"
