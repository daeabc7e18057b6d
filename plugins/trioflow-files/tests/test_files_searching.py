"""Grep yields the lines that a naive search finds, as it finds them."""

import os
import pickle
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st
from trioflow_files import FileEntry, InvalidPatternError, Match, Problem, RootError, grep
from trioflow_files.searching import SHOWN, compile_glob, search_entry, search_lines

from trioflow import NonRetryableError

texts = st.text(st.sampled_from("ab \r\né"), max_size=40).map(str.encode)


def search(content: bytes, pattern: str, size: int = 1000, longest: int = 1000) -> list[Match]:
    chunks = [content[at : at + size] for at in range(0, len(content), size)]
    batches = search_lines("f", chunks, re.compile(pattern), longest)
    return [match for batch in batches for match in batch]


async def collect(**arguments: Any) -> list[Match | Problem]:
    pieces: AsyncGenerator[Match | Problem, None] = grep(**arguments)
    return [piece async for piece in pieces]


@given(texts | st.binary(max_size=40), st.integers(1, 50), st.sampled_from(["a+", "^", "é$", "b"]))
@example(b"a\na", 1, "a")
@example(b"a\r\n", 2, "a$")
def test_matches_do_not_depend_on_the_chunks(content: bytes, size: int, pattern: str) -> None:
    expected = []
    lines = content.split(b"\n") if b"\0" not in content else []
    for number, line in enumerate(lines[:-1] + [last for last in lines[-1:] if last], 1):
        text = line.decode("utf-8", "replace").removesuffix("\r")
        if hit := re.search(pattern, text):
            expected.append(Match("f", number, hit.start() + 1, text))

    assert search(content, pattern, size) == expected


def test_a_line_is_reported_once_with_its_first_match() -> None:
    assert search(b"x\n  cat cat\n", "c.t") == [Match("f", 2, 3, "  cat cat")]


def test_of_a_long_line_the_part_around_the_match_is_shown() -> None:
    (middle,) = search(b"a" * 500 + b"X" + b"b" * 500, "X", longest=2000)
    (begin,) = search(b"X" + b"b" * 1000, "X", longest=2000)
    (end,) = search(b"a" * 1000 + b"X", "X", longest=2000)

    assert (middle.column, middle.text) == (501, "a" * 100 + "X" + "b" * 199)
    assert (begin.column, begin.text) == (1, "X" + "b" * 299)
    assert (end.column, end.text) == (1001, "a" * 299 + "X")
    assert SHOWN == 300


def test_a_line_that_is_too_long_to_hold_is_searched_in_pieces() -> None:
    content = b"one\n" + "é".encode() * 10 + b"X" * 20 + b"\nX\n"

    assert search(content, "X", size=10, longest=10) == [
        Match("f", 2, 11, "ééXXXXXX"),
        Match("f", 3, 1, "X"),
    ]


def test_a_binary_file_has_no_matches() -> None:
    assert search(b"a\n\0a\n", "a") == []


async def test_matches_come_in_the_order_of_paths_and_lines(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("todo one\nnothing\nmore todo\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "c.py").write_text("# todo")
    (tmp_path / "binary").write_bytes(b"todo\0")
    (tmp_path / "ignored").write_text("todo")
    (tmp_path / ".gitignore").write_text("ignored")

    assert await collect(pattern="todo", root=str(tmp_path)) == [
        Match("a/c.py", 1, 3, "# todo"),
        Match("b.txt", 1, 1, "todo one"),
        Match("b.txt", 3, 6, "more todo"),
    ]


@pytest.mark.parametrize(
    ("glob", "paths"),
    [
        (None, ["a.py", "docs/a.md", "docs/a.py"]),
        ("*.py", ["a.py", "docs/a.py"]),
        ("/*.py", ["a.py"]),
        ("docs/", ["docs/a.md", "docs/a.py"]),
        ("docs/**/*.md", ["docs/a.md"]),
        ("*.c", []),
    ],
)
async def test_a_glob_selects_files_as_in_gitignore(
    tmp_path: Path, glob: str | None, paths: list[str]
) -> None:
    (tmp_path / "docs").mkdir()
    for path in ["a.py", "docs/a.md", "docs/a.py"]:
        (tmp_path / path).write_text("x")

    found = await collect(pattern="x", root=str(tmp_path), glob=glob)

    assert [piece.path for piece in found] == paths


async def test_the_root_is_the_working_directory_if_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9")).write_bytes(b"na\xefve\r\n")
    monkeypatch.chdir(tmp_path)

    assert await collect(pattern="ve$") == [Match(r"caf\xe9", 1, 4, "na\ufffdve")]


async def test_what_is_no_file_or_has_gone_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("nowhere")

    assert await collect(pattern="", root=str(tmp_path)) == []
    assert list(search_entry(FileEntry(str(tmp_path), "gone"), re.compile(""))) == []


async def test_what_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    too_long = FileEntry(str(tmp_path), "x" * 300)
    listed = FileEntry(str(tmp_path), "folder", "unreadable", "Permission denied")
    anything = re.compile("")

    assert list(search_entry(too_long, anything)) == [
        [Problem("x" * 300, "unreadable", "File name too long")]
    ]
    assert list(search_entry(listed, anything)) == [
        [Problem("folder", "unreadable", "Permission denied")]
    ]


def test_a_glob_does_not_hide_a_folder_that_may_not_be_read() -> None:
    selects = compile_glob("*.py")

    assert selects(FileEntry(".", "secret", "unreadable", "Permission denied"))
    assert not selects(FileEntry(".", "secret"))


@pytest.mark.parametrize("pattern", ["(", "*", "[z-a]", "a{99999999999999999999}"])
async def test_a_bad_pattern_is_an_error(pattern: str) -> None:
    with pytest.raises(InvalidPatternError) as caught:
        await collect(pattern=pattern)

    assert str(caught.value).startswith(f"pattern {pattern!r}: ")
    assert isinstance(caught.value, NonRetryableError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("glob", ["", "# comment", "!*.py", "!", "x\\", "[x", "[z-a]"])
async def test_a_bad_glob_is_an_error(glob: str) -> None:
    with pytest.raises(InvalidPatternError) as caught:
        await collect(pattern="x", glob=glob)

    assert str(caught.value).startswith(f"glob {glob!r}: ")


async def test_a_bad_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RootError):
        await collect(pattern="x", root=str(tmp_path / "missing"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The files that were opened so far: names and descriptors."""
    files: dict[str, int] = {}
    system_open: Callable[..., int] = os.open

    def open_and_note(path: str, *args: Any, **kwargs: Any) -> int:
        files[os.path.basename(path)] = descriptor = system_open(path, *args, **kwargs)
        return descriptor

    monkeypatch.setattr(os, "open", open_and_note)
    return files


async def test_a_match_is_yielded_before_the_next_file_is_read(
    tmp_path: Path, opened: dict[str, int]
) -> None:
    for name in ["a", "b"]:
        (tmp_path / name).write_text("x")

    async with aclosing(grep(pattern="x", root=str(tmp_path))) as pieces:
        assert await anext(pieces) == Match("a", 1, 1, "x")
        assert list(opened) == ["a"]
        assert await anext(pieces) == Match("b", 1, 1, "x")


async def test_leaving_early_closes_the_file(tmp_path: Path, opened: dict[str, int]) -> None:
    (tmp_path / "a").write_text("x\n" * 1_000_000)

    async with aclosing(grep(pattern="x", root=str(tmp_path))) as pieces:
        await anext(pieces)
        os.fstat(opened["a"])  # still open, and most of it not yet read

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened["a"])


async def test_grep_notices_that_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "sparse").open("wb") as out:
        out.write(b"x" * 8000)
        out.truncate(64 * 1024**3)  # takes no room on disk, and minutes to search
    system_open: Callable[..., int] = os.open

    def cancel_and_open(path: str, *args: Any, **kwargs: Any) -> int:
        trio.from_thread.run_sync(scope.cancel)
        return system_open(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", cancel_and_open)
    with trio.CancelScope() as scope:
        await collect(pattern="y", root=str(tmp_path))

    assert scope.cancelled_caught
