"""Grep yields the lines that a naive search finds, as it finds them."""

import io
import json
import os
import pickle
import re
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st
from trioflow_files import (
    FileEntry,
    InvalidPatternError,
    Match,
    Problem,
    RootError,
    SearchCrashedError,
    SlowPatternError,
    grep,
)
from trioflow_files.matcher import Matcher
from trioflow_files.matching import LENGTH, SHOWN, LineSearch, serve
from trioflow_files.searching import compile_glob, read_entry

from trioflow import NonRetryableError, StepContext, Workflow, step
from trioflow.errors import StepTimeoutError

texts = st.text(st.sampled_from("ab \r\né"), max_size=40).map(str.encode)


def search(content: bytes, pattern: str, size: int = 1000, longest: int = 1000) -> list[Match]:
    search = LineSearch(re.compile(pattern), longest)
    chunks = [content[at : at + size] for at in range(0, len(content), size)]
    return [Match("f", *found) for chunk in [*chunks, b""] for found in search.feed(chunk)]


async def collect(**arguments: Any) -> list[Match | Problem]:
    pieces: AsyncGenerator[Match | Problem, None] = grep(**arguments)
    return [piece async for piece in pieces]


@given(texts | st.binary(max_size=40), st.integers(1, 50), st.sampled_from(["a+", "^", "é$", "b"]))
@example(b"a\na", 1, "a")
@example(b"a\r\n", 2, "a$")
def test_matches_do_not_depend_on_the_chunks(content: bytes, size: int, pattern: str) -> None:
    expected = []
    lines = content.split(b"\n")
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
    assert list(read_entry(FileEntry(str(tmp_path), "gone"))) == [b""]


async def test_what_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    too_long = FileEntry(str(tmp_path), "x" * 300)
    listed = FileEntry(str(tmp_path), "folder", "unreadable", "Permission denied")

    assert list(read_entry(too_long)) == [
        Problem("x" * 300, "unreadable", "File name too long"),
        b"",
    ]
    assert list(read_entry(listed)) == [Problem("folder", "unreadable", "Permission denied")]


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


@pytest.mark.parametrize("glob", ["", "# comment", "!*.py", "!", "x\\", "[x", "\ud800"])
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
        descriptor = system_open(path, *args, **kwargs)
        if path != os.devnull:  # the process that searches opens it
            files[os.path.basename(path)] = descriptor
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


# ---------------------------------------------------------------- expressions that never end
ENDLESS = ["(a+)+$", "(a|aa)+$", "(.*a){25}$", r"(a*)*\1b", "^(?:(a|a)*)$(?=b)"]


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """A folder with a line on which some expressions take longer than anyone waits."""
    (tmp_path / "a.txt").write_text("a" * 100 + "b\n")
    return str(tmp_path)


@pytest.mark.parametrize("pattern", ENDLESS)
async def test_a_search_that_never_ends_can_be_canceled(endless: str, pattern: str) -> None:
    ticks = []
    with trio.move_on_after(0.5) as scope:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def tick() -> None:
                while True:
                    await trio.sleep(0.05)
                    ticks.append(trio.current_time())

            await collect(pattern=pattern, root=endless)

    assert scope.cancelled_caught
    assert len(ticks) > 1  # the loop was free meanwhile


async def test_the_time_out_of_a_step_is_a_time_out(endless: str) -> None:
    @step(timeout=0.5)
    async def look(root: str, ctx: StepContext) -> int:
        return len(await ctx.call_tool(grep, pattern="(a+)+$", root=root))

    result = await Workflow("w", input=str).then(look).create_run().start(endless)

    assert result.status == "failed"
    with pytest.raises(StepTimeoutError):
        result.unwrap()


async def test_a_search_that_nobody_cancels_ends_after_a_while(endless: str) -> None:
    with pytest.raises(SlowPatternError, match=r"'\(a\+\)\+\$' took over 0.2 s") as caught:
        async with Matcher("(a+)+$", seconds=0.2) as matcher:
            await matcher.search(b"a" * 100 + b"b\n")

    assert isinstance(caught.value, TimeoutError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


async def test_an_expression_that_is_never_compiled_ends_after_a_while() -> None:
    slow = "(?i)" + "[\x01-\U0010ffff]" * 1000
    with pytest.raises(SlowPatternError):
        async with Matcher(slow, seconds=0.2):
            pass


async def test_only_the_work_of_one_chunk_counts() -> None:
    async with Matcher("(x+)+y", seconds=0.5) as matcher:
        for _ in range(30):
            assert await matcher.search(b"x" * 20 + b"\n") == []


async def test_the_process_is_gone_when_the_search_is_over(endless: str) -> None:
    async with Matcher("a") as matcher:
        process = matcher._process
        assert process is not None
    assert process.returncode == -signal.SIGKILL


async def test_a_process_that_dies_is_an_error() -> None:
    with pytest.raises(SearchCrashedError, match="ended with exit code -15") as caught:
        async with Matcher("a") as matcher:
            assert matcher._process is not None
            matcher._process.terminate()
            await matcher.search(b"a")

    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


async def test_the_texts_of_a_search_are_independent() -> None:
    async with Matcher("a$") as matcher:
        assert await matcher.search(b"x\na") == []
        assert await matcher.search(b"") == [(2, 1, "a")]
        assert await matcher.search(b"a\n") == [(1, 1, "a")]


def test_the_program_speaks_in_frames() -> None:
    """In this process, where it is seen which lines were run."""
    parameters = {"pattern": "b", "seconds": 3.0, "longest": 100}
    messages = [json.dumps(parameters).encode(), "a\nbé".encode(), b"", b"b\n", b""]
    answers, limits = io.BytesIO(), list[float]()
    serve(frames(messages), answers, limits.append)

    assert read_frames(answers) == [None, [], [[2, 1, "bé"]], [[1, 1, "b"]], []]
    assert limits == [3.0, 0] * 5


@pytest.mark.parametrize("pattern", ["(", "a{99999999999999999999}", "(" * 5000 + ")" * 5000])
def test_the_program_says_what_is_wrong_with_an_expression(pattern: str) -> None:
    parameters = {"pattern": pattern, "seconds": 3.0, "longest": 100}
    answers = io.BytesIO()
    serve(frames([json.dumps(parameters).encode(), b"never read"]), answers, lambda seconds: None)

    [problem] = read_frames(answers)
    assert isinstance(problem, str)
    assert problem


def frames(messages: list[bytes]) -> io.BytesIO:
    return io.BytesIO(b"".join(LENGTH.pack(len(message)) + message for message in messages))


def read_frames(written: io.BytesIO) -> list[object]:
    written.seek(0)
    found = []
    while head := written.read(LENGTH.size):
        found.append(json.loads(written.read(*LENGTH.unpack(head))))
    return found
