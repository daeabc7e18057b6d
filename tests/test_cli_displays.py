"""Runs as plain lines, as JSON lines and as a tree that is redrawn."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from rich.console import Console
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows import add_one, fails, gives, record, sleeps
from trioflow import Retry, StepContext, Workflow, events, step, tool
from trioflow._cli.display import can_draw
from trioflow._cli.jsonl import JsonDisplay
from trioflow._cli.live import LiveDisplay, draw_row
from trioflow._cli.output import Output
from trioflow._cli.plain import PlainDisplay
from trioflow._cli.rows import Row
from trioflow._cli.view import Status
from trioflow.wire import from_wire, to_wire


class Stranger:
    def __repr__(self) -> str:
        return "<a stranger>"


@tool
async def spell(word: str) -> Any:
    for letter in word:
        yield letter


def flow() -> Workflow[Any, Any]:
    return Workflow("flow", input=int)


@contextmanager
def file_output(tmp_path: Path) -> Iterator[tuple[Output, Path]]:
    path = tmp_path / "out"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        yield Output(fd), path
    finally:
        os.close(fd)


async def plain(recorded: Sequence[events.Event], tmp_path: Path) -> list[str]:
    """Return the plain lines of some events, without their times."""
    with file_output(tmp_path) as (output, path):
        display = PlainDisplay(output)
        for event in recorded:
            await display.show(event)
        return [line[11:] for line in path.read_text().splitlines()]


# ---------------------------------------------------------------- plain lines
async def test_each_lifecycle_event_is_a_line(autojump_clock: MockClock, tmp_path: Path) -> None:
    recorded = await record(flow().then(sleeps(1.5)), 1)

    with file_output(tmp_path) as (output, path):
        display = PlainDisplay(output)
        for event in recorded:
            await display.show(event)
        lines = path.read_text().splitlines()

    assert lines == [
        f"    0.000  start         flow run {recorded[0].run_id}",
        "    0.000  step-start    sleeps",
        "    1.500  step-result   sleeps success",
        "    1.500  step-finish   sleeps 1.5s",
        "    1.500  finish        success",
    ]


async def test_retries_and_failures_say_why(autojump_clock: MockClock, tmp_path: Path) -> None:
    broken = fails(OSError("down"))
    retried = step(id="x", retry=Retry(attempts=2, delay=3))(broken.fn)

    lines = await plain(await record(flow().then(retried), 1), tmp_path)

    assert lines[2:] == [
        "step-retry    x attempt 1 failed, next in 3.0s: OSError: down",
        "step-result   x failed OSError: down",
        "step-finish   x 3.0s 2 attempts",
        "finish        failed OSError: down",
    ]


async def test_waits_kinds_and_iterations_are_told(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    workflow = flow().sleep(2).wait_for_event("go", add_one, timeout=60).map(lambda x: x)
    run = workflow.dountil(add_one, lambda x: True).create_run()
    run.send_event("go")
    async with run.stream(1) as stream:
        recorded = [event async for event in stream]

    lines = await plain(recorded, tmp_path)

    starts = [line for line in lines if re.match("step-(start|waiting)", line)]
    assert starts == [
        "step-waiting  sleep_flow_0 for 2.0s",
        "step-waiting  add_one event 'go' for 1m00s",
        "step-start    add_one",
        "step-start    mapping_flow_0 map",
        "step-start    add_one #1",
    ]


async def test_a_canceled_run_says_so(autojump_clock: MockClock, tmp_path: Path) -> None:
    run = flow().then(sleeps(9)).create_run()
    run.cancel("too late")
    async with run.stream(1) as stream:
        recorded = [event async for event in stream]

    assert (await plain(recorded, tmp_path))[-2:] == [
        "canceled      too late",
        "finish        canceled",
    ]


async def test_tool_calls_are_lines_and_their_pieces_are_not(tmp_path: Path) -> None:
    @tool
    async def broken() -> None:
        raise OSError("gone")

    @step
    async def calls(value: int, ctx: StepContext) -> None:
        await ctx.write("a chunk")
        await ctx.call_tool(spell, word="hello")
        with pytest.raises(OSError, match="gone"):
            await ctx.call_tool(broken)

    lines = await plain(await record(flow().then(calls), 1), tmp_path)

    assert lines[2:-3] == [
        'tool-call     calls spell {"word": "hello"}',
        "tool-result   calls spell",
        "tool-call     calls broken {}",
        "tool-error    calls broken failed OSError: gone",
    ]


@pytest.mark.parametrize(("total", "told"), [(3, 3), (10, 10), (1000, 10)])
async def test_progress_is_told_ten_times(total: int, told: int, tmp_path: Path) -> None:
    workflow = Workflow("flow", input=list[int]).foreach(add_one)

    lines = await plain(await record(workflow, list(range(total))), tmp_path)

    progress = [line for line in lines if line.startswith("step-progress")]
    assert len(progress) == told
    assert progress[-1] == f"step-progress add_one {total}/{total}"


async def test_items_that_fail_are_always_told(tmp_path: Path) -> None:
    workflow = Workflow("flow", input=list[int]).foreach(fails(ValueError("no")))

    lines = await plain(await record(workflow, list(range(100))), tmp_path)

    assert "step-progress fails [0] failed ValueError: no" in lines


async def test_lines_are_lines_whatever_users_say(tmp_path: Path) -> None:
    evil = "\x1b[2J\nsecond"
    run = flow().then(fails(ValueError(evil))).create_run()
    async with run.stream(1, runtime_context={"a": evil}) as stream:
        recorded = [event async for event in stream]

    lines = await plain(recorded, tmp_path)

    assert len(lines) == len(recorded)
    assert all(line.isprintable() for line in lines)


async def test_the_result_is_json_in_the_end(tmp_path: Path) -> None:
    with file_output(tmp_path) as (output, path):
        await PlainDisplay(output).show_result({"a": [1, "\x9b ä"]})

    assert json.loads(path.read_text()) == {"a": [1, "\x9b ä"]}
    assert "\x9b" not in path.read_text()
    assert "ä" in path.read_text()


# ---------------------------------------------------------------- JSON lines
async def test_each_event_is_its_wire_form_on_a_line(tmp_path: Path) -> None:
    recorded = await record(flow().then(add_one).then(spell), 1)

    with file_output(tmp_path) as (output, path):
        display = JsonDisplay(output)
        for position, event in enumerate(recorded, 1):
            await display.show(event)
            assert path.read_text().count("\n") == position
        await display.show_result("nothing more")

    lines = path.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [to_wire(event) for event in recorded]
    assert [from_wire(line).seq for line in lines] == list(range(len(recorded)))


async def test_values_without_json_form_are_texts_and_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = await record(flow().then(gives({"a": Stranger(), "b": 1})), 1)

    with file_output(tmp_path) as (output, path):
        display = JsonDisplay(output)
        for event in recorded:
            await display.show(event)

    finish = json.loads(path.read_text().splitlines()[-1])
    assert finish["payload"]["result"] == {"a": "<a stranger>", "b": 1}
    [warning] = capsys.readouterr().err.splitlines()
    assert warning.startswith("trioflow: step-result 2: output.a is a Stranger")


# ---------------------------------------------------------------- standard output
async def test_a_slow_reader_holds_up_the_writer_and_nobody_else() -> None:
    reader, writer = os.pipe()
    text = "x" * 1_000_000
    with os.fdopen(reader, "rb", buffering=0) as source:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Output(writer).write, text)
            await wait_all_tasks_blocked()  # the pipe is full, and this task goes on
            received = 0
            while received < len(text):
                await trio.lowlevel.wait_readable(reader)
                received += len(source.read(65536))
    os.close(writer)


async def test_a_writer_that_waits_can_be_canceled() -> None:
    reader, writer = os.pipe()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Output(writer).write, "x" * 1_000_000)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    os.close(reader)
    os.close(writer)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the writing end")
async def test_it_is_noticed_that_a_reader_has_gone() -> None:
    reader, writer = os.pipe()
    gone = trio.Event()

    async def wait() -> None:
        await Output(writer).wait_closed()
        gone.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        assert not gone.is_set()
        os.close(reader)
        await gone.wait()
    with pytest.raises(BrokenPipeError):
        await Output(writer).write("x")
    os.close(writer)


async def test_a_file_never_loses_its_reader(tmp_path: Path) -> None:
    with file_output(tmp_path) as (output, _), trio.move_on_after(0) as scope:
        await output.wait_closed()

    assert scope.cancelled_caught


async def test_letters_that_the_encoding_lacks_are_escaped(tmp_path: Path) -> None:
    with file_output(tmp_path) as (output, path):
        await Output(output.fd, "ascii").write("ä ✔\n")

    assert path.read_bytes() == b"\\xe4 \\u2714\n"


# ---------------------------------------------------------------- the tree
def screen(width: int = 60, height: int = 20) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, height=height, highlight=False
    )


def text_on(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def call(
    label: str,
    status: Status,
    detail: str = "",
    seconds: float = 1,
    progress: tuple[int, int] | None = None,
) -> Row:
    return Row("", "call", label, status, detail, seconds, progress)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (Row("", "call", "flow", "running", "", 1.25), "⠋ flow                              1.2s"),
        (Row("├─ ", "call", "a", "success", "", 0), "├─ ✔ a                              0.0s"),
        (
            Row("└─ ", "call", "a", "failed", "E: no", 75),
            "└─ ✘ a  E: no                      1m15s",
        ),
        (call("a", "canceled"), "⊘ a  canceled                       1.0s"),
        (call("a", "suspended", "why?"), "‖ a  suspended, why?                1.0s"),
        (call("a", "bailed"), "✔ a  bailed                         1.0s"),
        (
            call("a", "waiting", "sleeping"),
            "◌ a  sleeping                       1.0s",
        ),
        (call("a", "retrying", "again"), "↻ a  again                          1.0s"),
        (call("n" * 50, "success"), "✔ nnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…   1.0s"),
        (
            call("東京" * 20, "success"),
            "✔ 東京東京東京東京東京東京東京東…   1.0s",
        ),
        (Row("", "tool", "grep", "running", "2 pieces"), "↳ grep  2 pieces"),
        (Row("", "tool", "grep", "failed", "E"), "✘ grep  E"),
        (Row("   ", "output", "o" * 60), "   " + "o" * 36 + "…"),
        (Row("", "more", "3 done", "success"), "✔ 3 done"),
        (Row("", "more", "… 3 more lines"), "… 3 more lines"),
        (
            call("a", "running", progress=(5, 10)),
            "⠋ a  ━━━━━━━━━━──────────  5/10     1.0s",
        ),
        (
            call("a" * 20, "running", progress=(5, 10)),
            "⠋ aaaaaaaaaaaaaaaaaaaa  5/10        1.0s",
        ),
        (
            Row("", "call", "a", "success", "", 1, (0, 0)),
            "✔ a  ━━━━━━━━━━━━━━━━━━━━  0/0      1.0s",
        ),
    ],
)
def test_a_row_fits_the_width(row: Row, text: str) -> None:
    drawn = draw_row(row, 40, "⠋")

    assert drawn.plain.rstrip() == text
    assert drawn.cell_len <= 40


async def test_the_tree_stays_when_the_run_is_over(autojump_clock: MockClock) -> None:
    console = screen()
    display = LiveDisplay(console=console)
    with display.shown():
        for event in await record(flow().then(sleeps(2)), 1):
            await display.show(event)
    await display.show_result({"a": 1})

    lines = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", text_on(console)).splitlines()
    assert [line.rstrip() for line in lines if line.strip()] == [
        "✔ flow                                                  2.0s",
        "└─ ✔ sleeps                                             2.0s",
        "a  1",
    ]


async def test_the_cursor_comes_back_whatever_happens() -> None:
    console = screen()

    with pytest.raises(ZeroDivisionError), LiveDisplay(console=console).shown():
        raise ZeroDivisionError

    assert text_on(console).rindex("\x1b[?25h") > text_on(console).rindex("\x1b[?25l")


async def test_it_is_drawn_again_and_again_and_says_when_it_stops(
    autojump_clock: MockClock,
) -> None:
    console = screen()
    display = LiveDisplay(console=console)
    with display.shown():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(display.attend)
            for event in (await record(flow().then(sleeps(9)), 1))[:2]:
                await display.show(event)
            await trio.sleep(0.95)
            assert text_on(console).count("sleeps") == 9
            display.stopping("interrupted: waiting for the steps to stop")
            await trio.sleep(0.1)
            assert "interrupted: waiting for the steps to stop" in text_on(console)
            nursery.cancel_scope.cancel()


async def test_what_a_run_that_is_stopped_for_now_had_open_is_shown_as_interrupted(
    autojump_clock: MockClock,
) -> None:
    console = screen()
    display = LiveDisplay(console=console)
    recorded = await record(flow().then(add_one).then(sleeps(9)), 1)
    await display.recall(recorded[:4])
    with display.shown():
        await display.show(recorded[4])
        display.stopping("interrupted", for_good=False)

    assert text_on(console).count("interrupted") >= 2
    assert "add_one" in text_on(console)


async def test_the_tree_leaves_room_on_a_small_screen(autojump_clock: MockClock) -> None:
    workflow = flow()
    for n in range(50):
        workflow = workflow.then(add_one.clone(f"add-{n}"))
    display = LiveDisplay(console=screen(height=10))
    for event in (await record(workflow, 1))[:-3]:
        await display.show(event)

    assert len(display.draw(8).renderables) <= 8


@pytest.mark.parametrize(
    ("is_terminal", "term", "encoding", "expected"),
    [
        (True, "xterm-256color", "utf-8", True),
        (True, "", "UTF-8", True),
        (False, "xterm", "utf-8", False),
        (True, "dumb", "utf-8", False),
        (True, "xterm", "ascii", False),
    ],
)
def test_only_a_terminal_with_all_signs_is_drawn_on(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, term: str, encoding: str, expected: bool
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setenv("TERM", term)

    assert can_draw(stream) is expected
