"""What instruments may put around bodies, and what becomes of those that fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.flows import observed
from trioflow import (
    Engine,
    Retry,
    StepContext,
    TracingContext,
    Workflow,
    events,
    hookimpl,
    open_engine,
    step,
    tool,
)
from trioflow.abc import BodyInfo, Instrument, SpanInfo
from trioflow.stores import MemoryStore

here: ContextVar[str] = ContextVar("here", default="outside")
"""What an instrument sets around each body."""


class Watcher(Instrument):
    """Notes each body that begins and ends, and gives it a span."""

    def __init__(self) -> None:
        self.bodies: list[BodyInfo] = []
        self.left: list[str] = []

    @contextmanager
    def around_body(self, body: BodyInfo) -> Iterator[str]:
        self.bodies.append(body)
        name = name_of(body)
        token = here.set(name)
        try:
            yield f"span of {name}"
        except BaseException as exc:
            self.left.append(f"{name}: {type(exc).__name__}")
            raise
        else:
            self.left.append(name)
        finally:
            here.reset(token)


def name_of(body: BodyInfo) -> str:
    if body.tool is not None:
        return body.tool
    return f"{body.step_id}.{body.attempt}"


class Provider:
    """A plugin with nothing but instruments."""

    def __init__(self, *instruments: Instrument) -> None:
        self._instruments = instruments

    @hookimpl
    def trioflow_instruments(self) -> Iterable[Instrument]:
        return self._instruments


async def run(workflow: Workflow[Any, Any], value: Any, *instruments: Instrument) -> Any:
    async with open_engine(plugins=[Provider(*instruments)]) as engine:
        return await engine.create_run(workflow).start(value)


@step
async def look(value: int, ctx: StepContext) -> list[Any]:
    return [here.get(), ctx.tracing_context.current_span]


async def test_a_body_sees_what_the_instrument_sets_and_yields() -> None:
    result = await run(Workflow("w", input=int).then(look), 1, Watcher())

    assert result.unwrap() == ["look.1", "span of look.1"]
    assert here.get() == "outside"


async def test_it_is_told_which_body_it_is() -> None:
    watcher = Watcher()
    await run(Workflow("outer").then(Workflow("inner").then(look)), 1, watcher)

    workflow, inner = watcher.bodies
    assert (workflow.step_id, workflow.kind, workflow.workflow_id) == ("inner", "workflow", "outer")
    assert workflow.function is None
    assert (inner.step_id, inner.kind, inner.workflow_id) == ("inner.look", "step", "inner")
    assert (inner.address, inner.attempt, inner.function) == ("0/0", 1, look.fn)
    assert inner.step_call_id == f"{inner.run_id}:0/0"
    assert (inner.tool, inner.tool_call_id) == (None, None)


async def test_each_attempt_is_a_body_of_its_own(autojump_clock: MockClock) -> None:
    @step(retry=Retry(attempts=2, delay=3))
    async def fickle(value: int, ctx: StepContext) -> int:
        if ctx.attempt == 1:
            raise OSError
        return value

    watcher = Watcher()
    await run(Workflow("w").then(fickle), 1, watcher)

    assert watcher.left == ["fickle.1: OSError", "fickle.2"]
    first, second = watcher.bodies
    assert second.at - first.at == 3


async def test_a_canceled_body_is_left_with_its_exception(autojump_clock: MockClock) -> None:
    @step(timeout=1)
    async def hang(value: int) -> None:
        await trio.sleep_forever()

    watcher = Watcher()
    result = await run(Workflow("w").then(hang), 1, watcher)

    assert watcher.left == ["hang.1: Cancelled"]
    assert result.status == "failed"


async def test_mappings_tools_as_nodes_and_items_are_bodies_too() -> None:
    @tool
    async def double(value: int) -> int:
        return 2 * value

    watcher = Watcher()
    workflow = Workflow("w").then(double).map(lambda value: [value]).foreach(look)
    await run(workflow, 1, watcher)

    found = [(body.kind, body.address, body.tool) for body in watcher.bodies]
    assert found == [
        ("tool", "0", None),
        ("tool", "0", "double"),
        ("map", "1", None),
        ("step", "2[0]", None),
    ]


async def test_the_workflow_around_a_condition_is_what_it_sees() -> None:
    seen: list[Any] = []

    def enough(data: Any, ctx: Any) -> bool:
        seen.append(ctx.tracing_context.current_span)
        return True

    inner = Workflow[Any, Any]("inner").dountil(look, enough)
    await run(Workflow("outer").then(inner), 1, Watcher())

    assert seen == ["span of inner.1"]


async def test_a_blocking_body_in_a_thread_sees_it() -> None:
    @step
    def blocking(value: int, ctx: StepContext) -> list[Any]:
        return [here.get(), ctx.tracing_context.current_span]

    result = await run(Workflow("w").then(blocking), 1, Watcher())

    assert result.unwrap() == ["blocking.1", "span of blocking.1"]


class TestTools:
    async def test_a_tool_has_its_own_and_the_step_has_its_own_again(self) -> None:
        @tool
        async def inner(ctx: StepContext) -> list[Any]:
            return [here.get(), ctx.tracing_context.current_span]

        @step
        async def caller(value: int, ctx: StepContext) -> list[Any]:
            return [await ctx.call_tool(inner), here.get(), ctx.tracing_context.current_span]

        result = await run(Workflow("w").then(caller), 1, Watcher())

        assert result.unwrap() == [["inner", "span of inner"], "caller.1", "span of caller.1"]

    async def test_tools_at_the_same_time_do_not_see_each_other(self) -> None:
        together = trio.Event()

        @tool
        async def first(ctx: StepContext) -> Any:
            await together.wait()
            return ctx.tracing_context.current_span

        @tool
        async def second(ctx: StepContext) -> Any:
            together.set()
            await trio.lowlevel.checkpoint()
            return ctx.tracing_context.current_span

        @step
        async def caller(value: int, ctx: StepContext) -> list[Any]:
            found = []

            async def call(tool: Any) -> None:
                found.append(await ctx.call_tool(tool))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(call, first)
                nursery.start_soon(call, second)
            return sorted(found)

        result = await run(Workflow("w").then(caller), 1, Watcher())

        assert result.unwrap() == ["span of first", "span of second"]

    async def test_a_streaming_tool_does_not_show_its_own_to_the_taker(self) -> None:
        @tool
        async def count(ctx: StepContext) -> AsyncIterator[tuple[str, Any]]:
            for _ in range(2):
                yield here.get(), ctx.tracing_context.current_span
                await trio.lowlevel.checkpoint()

        @step
        async def taker(value: int, ctx: StepContext) -> list[Any]:
            seen: list[Any] = []
            async with ctx.stream_tool(count) as pieces:
                async for piece in pieces:
                    seen.append((piece, here.get(), ctx.tracing_context.current_span))
            return seen

        watcher = Watcher()
        result = await run(Workflow("w").then(taker), 1, watcher)

        piece = ("count", "span of count")
        assert result.unwrap() == [(piece, "taker.1", "span of taker.1")] * 2
        assert watcher.left == ["count", "taker.1"]

    async def test_a_streaming_tool_that_fails_or_is_left_leaves_it(
        self, autojump_clock: MockClock
    ) -> None:
        @tool
        async def fail(ctx: StepContext) -> AsyncIterator[int]:
            yield 1
            raise OSError

        @tool
        async def hang(ctx: StepContext) -> AsyncIterator[int]:
            try:
                yield 1
                await trio.sleep_forever()
            finally:
                closed_in.append(here.get())

        closed_in: list[str] = []

        @step
        async def taker(value: int, ctx: StepContext) -> None:
            with pytest.raises(OSError):
                await ctx.call_tool(fail)
            async with ctx.stream_tool(hang) as pieces:
                async for _ in pieces:
                    break
            with trio.move_on_after(1):
                await ctx.call_tool(hang)

        watcher = Watcher()
        await run(Workflow("w").then(taker), 1, watcher)

        left = ["fail: OSError", "hang: GeneratorExit", "hang: Cancelled", "taker.1"]
        assert watcher.left == left
        assert closed_in == ["hang", "hang"]

    async def test_what_trio_throws_into_a_streaming_tool_reaches_it(self) -> None:
        class Foreign:
            def __await__(self) -> Generator[str, None, None]:
                yield "not one of Trio's traps"

        caught: list[str] = []

        @tool
        async def mistaken(ctx: StepContext) -> AsyncIterator[int]:
            yield 1
            try:
                await Foreign()
            except TypeError:
                caught.append(here.get())
                raise

        @step
        async def taker(value: int, ctx: StepContext) -> Any:
            return await ctx.call_tool(mistaken)

        result = await run(Workflow("w").then(taker), 1, Watcher())

        assert isinstance(result.error, TypeError)
        assert caught == ["mistaken"]


async def test_a_tracing_context_is_taken_as_it_is() -> None:
    place = TracingContext(current_span="mine")

    class Placing(Instrument):
        @contextmanager
        def around_body(self, body: BodyInfo) -> Iterator[TracingContext]:
            assert body.tracing_context == TracingContext()
            yield place

    @step
    async def where(value: int, ctx: StepContext) -> bool:
        return ctx.tracing_context is place

    result = await run(Workflow("w").then(where), 1, Placing())

    assert result.unwrap() is True


async def test_the_first_instrument_is_outermost_and_the_last_gives_the_span() -> None:
    seen: list[Any] = []

    class Inner(Instrument):
        @contextmanager
        def around_body(self, body: BodyInfo) -> Iterator[str]:
            seen.append((here.get(), body.tracing_context.current_span))
            yield "inner span"

    result = await run(Workflow("w").then(look), 1, Watcher(), Inner())

    assert seen == [("look.1", "span of look.1")]
    assert result.unwrap() == ["look.1", "inner span"]


async def test_an_instrument_may_want_nothing_around_a_body() -> None:
    class Idle(Instrument):
        def around_body(self, body: BodyInfo) -> None:
            return None

    place = TracingContext(current_span="the caller's")
    async with open_engine(plugins=[Provider(Idle())]) as engine:
        run = engine.create_run(Workflow("w").then(look))
        result = await run.start(1, tracing_context=place)

    assert result.unwrap() == ["outside", "the caller's"]


async def test_a_run_inside_of_a_step_does_not_take_its_span() -> None:
    @step
    async def starter(value: int) -> Any:
        return await Workflow[Any, Any]("other").then(look).run(value)

    result = await run(Workflow("w").then(starter), 1, Watcher())

    assert result.unwrap() == ["starter.1", None]


class Failing(Instrument):
    """Fails at one of the places where it is asked."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.calls: list[str] = []

    def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.StepFinish):
            self.calls.append("event")

    def around_body(self, body: BodyInfo) -> AbstractContextManager[Any]:
        self.calls.append(body.step_id)
        if self.where == "call":
            raise ValueError(self.where)
        return self._manager()

    @contextmanager
    def _manager(self) -> Iterator[None]:
        if self.where == "enter":
            raise ValueError(self.where)
        try:
            yield
        finally:
            if self.where == "exit":
                raise ValueError(self.where)


@pytest.mark.parametrize("where", ["call", "enter", "exit"])
async def test_one_that_fails_is_logged_and_left_out(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(where)

    @step
    async def add(value: int) -> int:
        return value + 1

    result = await run(Workflow("w").then(add).then(add.clone("again")), 1, failing)

    assert result.unwrap() == 3
    assert failing.calls == ["add"]
    assert [record.exc_text.splitlines()[-1] for record in caplog.records if record.exc_text] == [
        f"ValueError: {where}"
    ]


async def test_one_cannot_hold_an_exception_back() -> None:
    class Swallowing(Instrument):
        def around_body(self, body: BodyInfo) -> AbstractContextManager[Any]:
            return _swallow()

    @contextmanager
    def _swallow() -> Iterator[None]:
        with suppress(OSError):
            yield

    @step
    async def fail(value: int) -> None:
        raise OSError

    result = await run(Workflow("w").then(fail), 1, Swallowing())

    assert isinstance(result.error, OSError)


async def test_bodies_stay_as_they_are_without_an_instrument_that_wants_to_be_there() -> None:
    def plan_of(engine: Engine) -> Any:
        return engine.create_run(Workflow("w").then(look))._life.plan.nodes[0]

    async with open_engine(plugins=[Provider(Instrument())]) as engine:
        plain = plan_of(engine)
    async with open_engine(plugins=[Provider(Watcher())]) as engine:
        watched = plan_of(engine)

    name: Callable[[Any], str] = lambda node: node.call.body.__qualname__  # noqa: E731
    assert "watched" not in name(plain)
    assert "watched" in name(watched)


async def test_events_are_numbered_once_if_an_instrument_sends_one_to_the_run() -> None:
    class Answering(Instrument):
        def on_event(self, event: events.Event) -> None:
            if isinstance(event, events.StepResult):
                running.send_event("answer", event.output)

    @step
    async def add(value: int) -> int:
        return value + 1

    async with open_engine(plugins=[Provider(Answering())]) as engine:
        running = engine.create_run(Workflow("w").then(add))
        await running.start(1)
        recorded = await observed(running)

    assert [event.seq for event in recorded] == list(range(len(recorded)))
    assert sorted(event.at for event in recorded) == [event.at for event in recorded]


# ---------------------------------------------------------------- what a span is
class Knowing(Instrument):
    """Knows what the spans of some bodies are."""

    def __init__(self, name: str, bodies: tuple[str, ...]) -> None:
        self.name = name
        self.bodies = bodies

    def describe_body(self, body: BodyInfo) -> SpanInfo | None:
        known = name_of(body) in self.bodies
        return SpanInfo(self.name, "client", {"of": body.step_id}) if known else None


async def test_the_first_that_knows_says_what_the_span_of_a_body_is() -> None:
    @tool
    async def ask(value: int) -> int:
        return value

    @step
    async def use(value: int, ctx: StepContext) -> int:
        return await ctx.call_tool(ask, value=value)

    watcher = Watcher()
    first, second = Knowing("first", ("ask",)), Knowing("second", ("ask", "use.1"))
    await run(Workflow("w").then(use), 1, first, watcher, second)

    assert [body.span for body in watcher.bodies] == [
        SpanInfo("second", "client", {"of": "use"}),
        SpanInfo("first", "client", {"of": "use"}),
    ]


async def test_who_surrounds_no_body_is_asked_nothing() -> None:
    class Never(Instrument):
        def describe_body(self, body: BodyInfo) -> SpanInfo | None:
            raise AssertionError

    assert await run(Workflow("w").then(look), 1, Never())


async def test_one_that_fails_to_describe_a_body_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Instrument):
        def describe_body(self, body: BodyInfo) -> SpanInfo | None:
            raise ValueError("no description")

    watcher = Watcher()

    @step
    async def keep(value: int) -> int:
        return value

    flow = Workflow("w", input=int).then(keep).then(keep.clone("again"))
    await run(flow, 1, Broken(), watcher, Knowing("known", ("again.1",)))

    assert [body.span and body.span.name for body in watcher.bodies] == [None, "known"]
    assert caplog.text.count("ValueError: no description") == 1


# ---------------------------------------------------------------- halts
class Halts(Instrument):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_event(self, event: events.Event) -> None:
        self.heard.append(event.type)

    def on_halt(self, run_id: str) -> None:
        self.heard.append(f"halt {run_id}")


@step
async def hang(value: int) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("store", "halted"), [(MemoryStore(), ["halt r"]), (None, [])], ids=["stored", "not stored"]
)
async def test_a_halt_is_told_before_the_events_that_end_what_is_open(
    store: MemoryStore | None, halted: list[str]
) -> None:
    halts = Halts()
    workflow = Workflow("w", input=int).then(hang)
    async with open_engine(plugins=[Provider(halts)], store=store) as engine:
        engine.submit(workflow, 1, run_id="r")
        await trio.testing.wait_all_tasks_blocked()

    ends = ["step-result", "step-finish", "canceled", "finish"]
    assert halts.heard == ["start", "step-start", *halted, *ends]


async def test_one_that_fails_at_a_halt_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Halts):
        def on_halt(self, run_id: str) -> None:
            raise ValueError("no halt")

    broken, halts = Broken(), Halts()
    workflow = Workflow("w", input=int).then(hang)
    async with open_engine(plugins=[Provider(broken, halts)], store=MemoryStore()) as engine:
        engine.submit(workflow, 1, run_id="r")
        await trio.testing.wait_all_tasks_blocked()

    assert broken.heard == ["start", "step-start"]
    assert halts.heard[2] == "halt r"
    assert "ValueError: no halt" in caplog.text
