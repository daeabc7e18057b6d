"""The report adds up what was digested, and turns every trouble with a file into a line."""

import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trioflow_files import (
    DuplicateGroup,
    ExtensionTotal,
    FileDigest,
    FileSize,
    Findings,
    Folder,
    Match,
    Problem,
    Report,
    RootError,
    duplicate_files,
    extension_totals,
    grep,
    largest_files,
    report,
    summarize,
)
from trioflow_files.reporting import CONCURRENCY

from trioflow import StepContext, Workflow, events, open_engine, step
from trioflow.wire import to_wire


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_ten_largest_files_are_named_the_largest_first() -> None:
    digests = [FileDigest(f"{size:02}", bytes=size) for size in [3, *range(12), 3]]

    assert [row.bytes for row in largest_files(digests)] == [11, 10, 9, 8, 7, 6, 5, 4, 3, 3]


def test_duplicates_are_grouped_by_content_and_the_most_wasteful_come_first() -> None:
    digests = [
        FileDigest("b", bytes=1, sha256="one"),
        FileDigest("single", bytes=100, sha256="single"),
        FileDigest("x", bytes=9, sha256="nine"),
        FileDigest("a", bytes=1, sha256="one"),
        FileDigest("c", bytes=1, sha256="one"),
        FileDigest("y", bytes=9, sha256="nine"),
        FileDigest("empty", bytes=0, sha256="none"),
        FileDigest("void", bytes=0, sha256="none"),
        FileDigest("gone", problem="vanished"),
        FileDigest("lost", problem="vanished"),
    ]

    assert duplicate_files(digests) == [
        DuplicateGroup(9, 9, "nine", ["x", "y"]),
        DuplicateGroup(1, 2, "one", ["a", "b", "c"]),
    ]


def test_extensions_are_added_up_without_regard_to_case() -> None:
    digests = [
        FileDigest("src/a.py", bytes=1, lines=2, words=3),
        FileDigest("B.PY", bytes=10, lines=20, words=30),
        FileDigest("v1.d/Makefile", bytes=50, lines=5, words=6),
        FileDigest(".gitignore", bytes=1, lines=1, words=1),
        FileDigest("gone.py", problem="vanished"),
    ]

    assert extension_totals(digests) == [
        ExtensionTotal("", files=2, bytes=51, lines=6, words=7),
        ExtensionTotal(".py", files=2, bytes=11, lines=22, words=33),
    ]


names = st.text(st.sampled_from("ab.P/"), min_size=1, max_size=6)
sizes = st.integers(0, 5)
digest_lists = st.lists(
    st.builds(
        FileDigest,
        path=names,
        bytes=sizes,
        lines=sizes,
        words=sizes,
        sha256=st.sampled_from("xyz"),
        binary=st.booleans(),
    )
    | st.builds(FileDigest, path=names, problem=st.just("unreadable"), detail=st.just("why"))
)


@given(digest_lists)
def test_no_file_is_lost_or_counted_twice(digests: list[FileDigest]) -> None:
    summary = summarize(
        Findings(
            ".",
            digests,
            largest_files(digests),
            duplicate_files(digests),
            extension_totals(digests),
        )
    )

    assert summary.files + len(summary.problems) == len(digests)
    for figure in ["bytes", "lines", "words"]:
        assert getattr(summary, figure) == sum(getattr(digest, figure) for digest in digests)
    assert [row.path for row in summary.binary] == [d.path for d in digests if d.binary]
    copies = Counter(digest.sha256 for digest in digests if digest.bytes)
    assert {group.sha256: len(group.paths) for group in summary.duplicates} == {
        content: count for content, count in copies.items() if count > 1
    }


async def test_a_folder_with_every_kind_of_trouble_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"two words\n")
    (tmp_path / "copy.txt").write_bytes(b"two words\n")
    (tmp_path / "empty").touch()
    (tmp_path / "image.png").write_bytes(b"\x89PNG\0\n")
    (tmp_path / os.fsdecode(b"caf\xe9.TXT")).write_bytes(b"1\n2\n")
    (tmp_path / "ignored.log").write_bytes(b"not looked at")
    (tmp_path / ".gitignore").write_bytes(b"*.log\n")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "up").symlink_to("..")
    os.mkfifo(tmp_path / "fifo")

    result = await report.run(Folder(str(tmp_path)))

    assert result == Report(
        root=str(tmp_path),
        files=6,
        bytes=36,
        lines=5,
        words=7,
        largest=[
            FileSize("a.txt", 10),
            FileSize("copy.txt", 10),
            FileSize(".gitignore", 6),
            FileSize("image.png", 6),
            FileSize(r"caf\xe9.TXT", 4),
            FileSize("empty", 0),
        ],
        duplicates=[DuplicateGroup(10, 10, sha256(b"two words\n"), ["a.txt", "copy.txt"])],
        extensions=[
            ExtensionTotal(".txt", files=3, bytes=24, lines=4, words=6),
            ExtensionTotal("", files=2, bytes=6, lines=1, words=1),
            ExtensionTotal(".png", files=1, bytes=6, lines=0, words=0),
        ],
        binary=[FileSize("image.png", 6)],
        problems=[
            Problem("broken", "broken link", "No such file or directory"),
            Problem("fifo", "not a file", "FIFO"),
            Problem("loop", "link loop", "Too many levels of symbolic links"),
            Problem("up", "link loop", "leads to a folder that contains it"),
        ],
    )


async def test_an_empty_folder_has_an_empty_report(tmp_path: Path) -> None:
    result = await report.run(Folder(str(tmp_path)))

    assert result == Report(str(tmp_path), 0, 0, 0, 0, [], [], [], [], [])


async def test_a_file_that_vanishes_after_it_was_listed_is_a_line_in_the_report(
    tmp_path: Path,
) -> None:
    (tmp_path / "stays").write_text("x")
    (tmp_path / "goes").write_text("x")

    # With one event unread at most, the run waits while this reader works on the result.
    async with report.create_run().stream(Folder(str(tmp_path)), max_buffer_size=1) as stream:
        async for event in stream:
            if isinstance(event, events.StepResult) and event.id == "files.list":
                (tmp_path / "goes").unlink()
        result = (await stream.get_workflow_state()).unwrap()

    assert result.files == 1
    assert result.problems == [Problem("goes", "vanished", "No such file or directory")]


async def test_the_input_is_structured_from_json() -> None:
    here = os.path.dirname(__file__)

    async with open_engine(plugins=[], workflows=[report]) as engine:
        result = await engine.create_run("files.report").start({"root": here})

    assert result.unwrap().root == here


async def test_the_root_is_the_working_directory_if_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)

    result = await report.run(Folder())

    assert (result.root, result.files) == (".", 1)


async def test_a_root_whose_name_is_not_utf_8_is_shown_as_text(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"caf\xe9")
    root.mkdir()
    (root / "file").touch()

    result = await report.run(Folder(str(root)))

    assert (result.root, result.files) == (rf"{tmp_path}/caf\xe9", 1)


async def test_files_are_read_several_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(CONCURRENCY):
        (tmp_path / str(number)).touch()
    all_here = threading.Barrier(CONCURRENCY, timeout=10)
    system_open: Callable[..., int] = os.open

    def wait_and_open(*args: Any, **kwargs: Any) -> int:
        all_here.wait()  # breaks, and fails the run, if they do not come together
        return system_open(*args, **kwargs)

    monkeypatch.setattr(os, "open", wait_and_open)
    result = await report.run(Folder(str(tmp_path)))

    assert result.files == CONCURRENCY


async def test_a_missing_root_fails_the_run_at_the_first_step(tmp_path: Path) -> None:
    result = await report.create_run().start(Folder(str(tmp_path / "missing")))

    assert result.status == "failed"
    assert list(result.steps) == ["files.list"]
    with pytest.raises(RootError, match="No such file or directory"):
        result.unwrap()


async def test_every_event_has_a_json_form_in_utf_8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9")).write_bytes(b"\xff\xfe")
    (tmp_path / "broken").symlink_to("nowhere")

    async with report.create_run().stream(Folder(str(tmp_path))) as stream:
        sent = [
            json.dumps(to_wire(event), ensure_ascii=False).encode("utf-8") async for event in stream
        ]

    assert len(sent) > 2
    assert json.loads(sent[-1])["payload"]


async def test_cancelling_a_report_stops_the_files_it_reads(tmp_path: Path) -> None:
    for name in ["a", "b"]:
        with (tmp_path / name).open("wb") as out:
            out.truncate(64 * 1024**3)  # takes no room on disk, and minutes to hash

    async with report.create_run().stream(Folder(str(tmp_path))) as stream:
        async for event in stream:
            if isinstance(event, events.StepStart) and event.id == "files.digest":
                break

    result = await stream.get_workflow_state()
    assert result.status == "canceled"
    assert result.steps["files.digest"].status == "canceled"


async def test_steps_stream_what_grep_finds(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one\ntwo\nthree\n")

    @step
    async def find(root: str, ctx: StepContext) -> int:
        return len(await ctx.call_tool(grep, pattern="t", root=root))

    workflow = Workflow("search", input=str, output=int).then(find)
    async with workflow.create_run().stream(str(tmp_path)) as stream:
        pieces = [event.delta async for event in stream if isinstance(event, events.ToolCallDelta)]
        count = (await stream.get_workflow_state()).unwrap()

    assert count == len(pieces) == 2
    assert pieces == [Match("file", 2, 1, "two"), Match("file", 3, 1, "three")]
