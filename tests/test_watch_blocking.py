"""Warnings of steps that block the event loop, with a clock that the tests set by hand."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import trio

from trioflow import Run, StepContext, Workflow, open_engine, step, tool
from trioflow.instruments import BlockWatch
from trioflow.instruments._watchdog import Watchdog
from trioflow.testing import assert_no_leaks
from trioflow.testing._blocks import BlockedLoopWarning, warn_of_blocks


class Outside:
    """The clock, and somebody in another thread who looks at it and at the loop."""

    def __init__(self) -> None:
        self.now, self.worked = 1000.0, 0.0
        self.watchdog = Watchdog(1.0, clock=lambda: self.now, worked=lambda: self.worked)

    def pass_time(self, seconds: float, *, worked: float = 0.0) -> None:
        """Let time pass in which nobody looks, and then look."""
        self.now += seconds
        self.worked += worked
        looking = threading.Thread(target=self.watchdog.look)
        looking.start()
        looking.join()

    def block(self, quarters: int) -> None:
        """Block the loop for some quarters of a second, and look after each of them."""
        for _ in range(quarters):
            self.pass_time(0.25)


@pytest.fixture
async def outside() -> Outside:
    found = Outside()
    trio.lowlevel.add_instrument(found.watchdog.turns)
    await trio.lowlevel.checkpoint()
    return found


def calls(body: Callable[[], object], id: str = "blocks") -> Workflow[Any, Any]:
    """Return a workflow of one step that calls *body*."""

    @step(id=id)
    async def blocks(value: object) -> None:
        body()

    return Workflow("w").then(blocks)


def finished(outside: Outside, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Let the watchdog come to its end, and return what it has said."""
    trio.lowlevel.remove_instrument(outside.watchdog.turns)
    outside.watchdog.close()
    return caplog.messages


async def test_the_warning_names_the_step_and_where_it_is_while_it_blocks(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    def body() -> None:
        outside.block(4)
        messages.extend(caplog.messages)
        outside.block(2)

    messages: list[str] = []
    run = calls(body).create_run(run_id="r-1")
    await run.start(None)

    [warning] = messages
    assert warning.startswith(
        "step 'blocks' of run r-1 has blocked the event loop for 1.00 s and still does, at\n"
        f'  File "{__file__}", line '
    )
    assert "in blocks\n    body()\n" in warning
    assert "outside.block(4)" in warning
    assert "trioflow/engine" not in warning
    assert finished(outside, caplog) == [
        warning,
        "step 'blocks' of run r-1 blocked the event loop for 1.50 s",
    ]


async def test_warnings_carry_the_ids_of_the_step(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    await calls(lambda: outside.block(4)).create_run(run_id="r-1").start(None)
    finished(outside, caplog)

    for record in caplog.records:
        assert (record.name, record.levelno) == ("trioflow", logging.WARNING)
        found = [record.__dict__[name] for name in ("run_id", "step_id", "step_call_id", "attempt")]
        assert found == ["r-1", "blocks", "r-1:0", 1]
    assert len(caplog.records) == 2


async def test_a_step_that_lets_others_have_a_turn_in_time_is_not_told(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    @step
    async def gives_way(value: object) -> None:
        for _ in range(3):
            outside.block(3)
            await trio.lowlevel.checkpoint()

    await Workflow("w").then(gives_way).run(None)

    assert finished(outside, caplog) == []


async def test_time_in_which_the_process_was_suspended_does_not_count(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    def body() -> None:
        outside.pass_time(3600)  # counts for half a second, as long as a look may be late
        outside.block(1)

    await calls(body).run(None)

    assert finished(outside, caplog) == []


async def test_time_counts_in_which_a_step_kept_the_interpreter_for_itself(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    await calls(lambda: outside.pass_time(20, worked=15)).create_run(run_id="r-1").start(None)

    warning, end = finished(outside, caplog)
    assert "for 15.00 s and still does" in warning
    assert end == "step 'blocks' of run r-1 blocked the event loop for 15.00 s"


async def test_the_loop_may_wait_for_as_long_as_it_likes(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    @step
    async def waits(value: object) -> None:
        await trio.to_thread.run_sync(outside.block, 100)

    await Workflow("w").then(waits).run(None)

    assert finished(outside, caplog) == []


async def test_a_step_that_blocks_again_and_again_is_told_once_in_a_while(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    @step
    async def blocks(seconds: int) -> None:
        outside.block(4 * seconds)
        await trio.lowlevel.checkpoint()

    run = Workflow("w").foreach(blocks).create_run(run_id="r-1")
    await run.start([2, 2, 3, 4, 1, 1])

    firsts = [message.partition(" and still")[0] for message in finished(outside, caplog)]
    assert firsts == [
        "step 'blocks' of run r-1 has blocked the event loop for 1.00 s",
        "step 'blocks' of run r-1 blocked the event loop for 2.00 s",
        "step 'blocks' blocked the event loop 3 more times, for 9.00 s",
        "step 'blocks' of run r-1 has blocked the event loop for 1.00 s",
        "step 'blocks' of run r-1 blocked the event loop for 1.00 s",
        "step 'blocks' blocked the event loop once more, for 1.00 s",
    ]


async def test_a_tool_is_named_with_the_step_that_calls_it(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    @tool
    async def hogs() -> None:
        outside.block(4)

    @step
    async def asks(value: object, ctx: StepContext) -> None:
        await ctx.call_tool(hogs)

    await Workflow("w").then(asks).create_run(run_id="r-1").start(None)

    warning, _ = finished(outside, caplog)
    assert warning.startswith("step 'asks', tool 'hogs', of run r-1 has blocked the event loop")
    assert caplog.records[0].__dict__["tool"] == "hogs"


async def test_a_task_that_a_step_has_spawned_counts_as_the_step(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    async def helper() -> None:
        outside.block(4)

    @step
    async def spawns(value: object) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(helper)

    await Workflow("w").then(spawns).create_run(run_id="r-1").start(None)

    warning, _ = finished(outside, caplog)
    assert warning.startswith("step 'spawns' of run r-1 has blocked the event loop")
    assert "in helper" in warning


async def test_a_task_that_is_not_a_step_is_said_not_to_be_one(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    async def ticker() -> None:
        outside.block(4)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ticker, name="ticker")
        # A run in this task is not what the other one works for.
        await Workflow("w").sleep(0).run(None)

    warning, end = finished(outside, caplog)
    assert warning.startswith("task 'ticker', which is not a step, has blocked the event loop")
    assert "in ticker" in warning
    assert end == "task 'ticker', which is not a step, blocked the event loop for 1.00 s"


async def test_what_the_engine_itself_calls_is_shown_with_its_callers(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_start(ctx: object) -> None:
        outside.block(4)

    await Workflow("w", on_start=on_start).sleep(0).run(None)

    warning, _ = finished(outside, caplog)
    assert ", which is not a step, has blocked" in warning
    assert "in on_start" in warning


async def test_somebody_who_debugs_a_step_is_left_alone(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    debugger: dict[str, Any] = {"__name__": "bdb", "outside": outside}
    exec("def stop():\n    outside.block(8)", debugger)

    await calls(debugger["stop"]).run(None)
    await trio.lowlevel.checkpoint()  # the turn of this task ends

    assert finished(outside, caplog) == []


async def test_a_block_that_goes_on_at_the_end_is_told_there(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    outside.block(5)
    outside.watchdog.close()
    outside.block(5)

    assert len(caplog.messages) == 2
    assert caplog.messages[1].endswith("blocked the event loop for 1.25 s")


# ---------------------------------------------------------------- with a thread that looks
SOON = 0.02
"""Seconds: not less, or a busy machine would have the first warning before the step waits."""


class Heard(logging.Handler):
    """Takes note of warnings, and lets others wait for the first one."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.threads: list[threading.Thread] = []
        self.first = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
        self.threads.append(threading.current_thread())
        self.first.set()


@pytest.fixture
def heard() -> Any:
    handler = Heard()
    logging.getLogger("trioflow").addHandler(handler)
    yield handler
    logging.getLogger("trioflow").removeHandler(handler)


def blocks_until(heard: Heard) -> Workflow[Any, Any]:
    @step
    async def blocks(value: object) -> bool:
        return heard.first.wait(60)

    return Workflow("w").then(blocks)


async def test_an_engine_with_a_watch_warns_while_the_loop_is_blocked(heard: Heard) -> None:
    with assert_no_leaks():
        async with open_engine(plugins=[], instruments=[BlockWatch(SOON)]) as engine:
            run: Run[Any, Any] = engine.create_run(blocks_until(heard), run_id="r-1")
            assert (await run.start(None)).unwrap()

    assert heard.texts[0].startswith("step 'blocks' of run r-1 has blocked the event loop for")
    assert "heard.first.wait(60)" in heard.texts[0]
    assert heard.texts[1].startswith("step 'blocks' of run r-1 blocked the event loop for")


async def test_engines_can_share_a_watch(heard: Heard) -> None:
    watch = BlockWatch(SOON)
    async with open_engine(plugins=[], instruments=[watch]) as engine:
        async with open_engine(plugins=[], instruments=[watch]):
            pass
        assert (await engine.create_run(blocks_until(heard)).start(None)).unwrap()
    first = list(heard.texts)
    heard.first.clear()
    async with open_engine(plugins=[], instruments=[watch]) as engine:
        assert (await engine.create_run(blocks_until(heard)).start(None)).unwrap()

    assert first
    assert len(heard.texts) > len(first)


async def test_nobody_looks_any_more_when_the_engine_is_closed(heard: Heard) -> None:
    async with open_engine(plugins=[], instruments=[BlockWatch(SOON)]) as engine:
        await engine.create_run(blocks_until(heard)).start(None)
        name = heard.threads[0].name

    with trio.fail_after(60):
        while heard.threads[0].name == name:  # Trio gives idle threads another one
            await trio.lowlevel.checkpoint()


async def test_a_watch_does_not_keep_the_process_alive(heard: Heard) -> None:
    async with open_engine(plugins=[], instruments=[BlockWatch(SOON)]) as engine:
        await engine.create_run(blocks_until(heard)).start(None)

    assert heard.threads[0] is not threading.current_thread()
    assert heard.threads[0].daemon


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_time_that_cannot_be_watched_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds must be a finite number above 0"):
        BlockWatch(seconds)


async def test_warnings_can_go_somewhere_else_and_a_watch_needs_no_engine() -> None:
    def tell(text: str, attributes: Mapping[str, object]) -> None:
        told.append((text.partition(" for ")[0], attributes))
        first.set()

    told: list[tuple[str, Mapping[str, object]]] = []
    first = threading.Event()
    async with BlockWatch(SOON, tell):
        await trio.lowlevel.checkpoint()
        first.wait(60)

    text, attributes = told[0]
    assert len(told) == 2
    assert text.endswith(", which is not a step, has blocked the event loop")
    assert attributes == {}


def test_in_tests_they_are_warnings_of_python_when_the_loop_is_free_again() -> None:
    def test() -> None:
        with warn_of_blocks(0.1) as watch:
            watch.tell("ham", {})
            seconds.append(watch.seconds)

    seconds: list[float] = []
    with pytest.warns(BlockedLoopWarning, match=r"^ham$"):
        test()

    assert seconds == [0.1]
