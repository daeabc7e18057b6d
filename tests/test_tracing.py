"""What a run makes of its caller's trace, and of what instruments call its parts."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, ClassVar

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from trioflow import (
    StepContext,
    TracingContext,
    TracingOptions,
    Workflow,
    events,
    hookimpl,
    open_engine,
    step,
)
from trioflow.abc import Instrument, PartInfo, TraceIds
from trioflow.errors import HistoryGap, NotSuspendedError
from trioflow.stores import MemoryStore
from trioflow.wire import to_wire

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Provider:
    def __init__(self, *instruments: Instrument) -> None:
        self._instruments = instruments

    @hookimpl
    def trioflow_instruments(self) -> Iterable[Instrument]:
        return self._instruments


@step
async def double(value: int) -> int:
    return 2 * value


@step
async def ask(value: int, ctx: StepContext) -> Any:
    if ctx.resume_data is None:
        ctx.suspend()
    return ctx.resume_data


DOUBLE = Workflow("double", input=int).then(double)
ASK = Workflow("ask", input=int).then(ask)


class TestHeaders:
    def test_they_are_found_in_any_case(self) -> None:
        context = TracingContext.from_headers({"Traceparent": PARENT, "TRACESTATE": " a=1 "})

        assert context == TracingContext(traceparent=PARENT, tracestate="a=1")
        assert context.headers() == {"traceparent": PARENT, "tracestate": "a=1"}
        assert context.trace_id == TRACE

    def test_baggage_goes_with_a_trace_and_without_one(self) -> None:
        context = TracingContext.from_headers({"Baggage": "a=1, b=2"})

        assert context == TracingContext(baggage="a=1, b=2")
        assert context.headers() == {"baggage": "a=1, b=2"}
        assert context.trace_id is None
        both = TracingContext(traceparent=PARENT, baggage="a=1")
        assert both.headers() == {"traceparent": PARENT, "baggage": "a=1"}
        wrong = TracingContext(traceparent="?", tracestate="a=1", baggage="a=1")
        assert wrong.headers() == {"baggage": "a=1"}

    def test_there_may_be_none(self) -> None:
        context = TracingContext.from_headers({"host": "here"})

        assert context == TracingContext()
        assert context.headers() == {}
        assert context.trace_id is None

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "00",
            PARENT.upper(),
            f"ff{PARENT[2:]}",
            f"00-{'0' * 32}-b7ad6b7169203331-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"{PARENT}0",
        ],
    )
    def test_what_is_not_valid_is_ignored(self, header: str) -> None:
        context = TracingContext(traceparent=header, tracestate="a=1")

        assert context.trace_id is None
        assert context.headers() == {}

    def test_later_versions_may_say_more(self) -> None:
        assert TracingContext(traceparent=f"01{PARENT[2:]}-more").trace_id == TRACE

    async def test_a_run_takes_the_trace_of_the_header(self) -> None:
        context = TracingContext.from_headers({"traceparent": PARENT})
        async with DOUBLE.create_run().stream(1, tracing_context=context) as stream:
            assert stream.trace_id == TRACE
            result = await stream.get_workflow_state()

        assert result.trace_id == TRACE


class Naming(Instrument):
    """Gives each part ids, and notes what it is told."""

    def __init__(self) -> None:
        self.parts: list[PartInfo] = []

    def on_begin(self, part: PartInfo) -> TraceIds:
        self.parts.append(part)
        return TraceIds("trace", f"span {len(self.parts)}")


class TestBeginning:
    async def test_an_instrument_names_the_trace_before_anything_has_happened(self) -> None:
        naming = Naming()
        async with open_engine(plugins=[Provider(naming)]) as engine:
            run = engine.create_run(DOUBLE, run_id="r", resource_id="who")
            options = TracingOptions({"tenant": "a"})
            async with run.stream(1, tracing_options=options) as stream:
                assert stream.trace_id == "trace"
                assert run.status == "pending"
                result = await stream.get_workflow_state()

        assert result.trace_id == "trace"
        assert naming.parts == [
            PartInfo(
                is_start=True,
                run_id="r",
                workflow_id="double",
                resource_id="who",
                tracing_context=TracingContext(),
                metadata={"tenant": "a"},
                trace_id=None,
                previous_span_id=None,
            )
        ]

    async def test_what_the_caller_says_about_the_trace_wins(self) -> None:
        naming = Naming()
        async with open_engine(plugins=[Provider(naming)]) as engine:
            run = engine.create_run(DOUBLE)
            await run.start(1, tracing_context=TracingContext(traceparent=PARENT))

        assert run.trace_id == TRACE
        assert (naming.parts[0].trace_id, run.record.span_id) == (TRACE, "span 1")

    async def test_it_is_called_in_the_context_of_the_caller(self) -> None:
        seen: list[str] = []
        variable: ContextVar[str] = ContextVar("variable", default="")

        class Looking(Instrument):
            def on_begin(self, part: PartInfo) -> None:
                seen.append(variable.get())

        async with open_engine(plugins=[Provider(Looking())]) as engine:
            token = variable.set("mine")
            run = engine.submit(DOUBLE, 1)
            variable.reset(token)
            await run.wait()

        assert seen == ["mine"]
        assert len(run.trace_id) == 32

    async def test_the_first_that_names_a_trace_is_the_one(self) -> None:
        class Second(Instrument):
            def on_begin(self, part: PartInfo) -> TraceIds:
                return TraceIds("second")

        plugin = Provider(Instrument(), Naming(), Second())
        async with open_engine(plugins=[plugin]) as engine:
            result = await engine.create_run(DOUBLE).start(1)

        assert result.trace_id == "trace"

    async def test_one_that_raises_is_logged_and_left_out(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        heard: list[events.Event] = []

        class Failing(Instrument):
            def on_begin(self, part: PartInfo) -> None:
                raise ValueError("no")

            def on_event(self, event: events.Event) -> None:
                heard.append(event)

        async with open_engine(plugins=[Provider(Failing(), Naming())]) as engine:
            result = await engine.create_run(DOUBLE).start(1)

        assert (result.status, result.trace_id) == ("success", "trace")
        assert heard == []
        assert "ValueError: no" in caplog.text


class TestGoingOn:
    async def test_the_span_of_the_part_before_is_known_in_another_engine(self) -> None:
        store, naming = MemoryStore(), Naming()
        plugins = [Provider(naming)]
        async with open_engine(plugins=plugins, store=store, workflows=[ASK]) as engine:
            run = engine.create_run(ASK, run_id="r")
            await run.start(1, tracing_options=TracingOptions({"tenant": "a"}))
        async with open_engine(plugins=plugins, store=store, workflows=[ASK]) as engine:
            loaded = await engine.load_run("r")
            async with loaded.resume_stream(2) as stream:
                found = [event async for event in stream]

        assert stream.trace_id == "trace"
        assert isinstance(found[0], events.Resume)
        assert found[0].span_id == "span 2"
        second = naming.parts[1]
        assert (second.is_start, second.trace_id) == (False, "trace")
        assert second.previous_span_id == "span 1"
        assert second.metadata == {"tenant": "a"}

    async def test_a_run_whose_process_died_goes_on_likewise(self) -> None:
        store, naming = MemoryStore(), Naming()

        @step
        async def hang(value: int, ctx: StepContext) -> int:
            if len(naming.parts) == 1:
                await trio.sleep_forever()
            return value

        workflow = Workflow("w", input=int).then(hang)
        plugins = [Provider(naming)]
        async with open_engine(plugins=plugins, store=store, workflows=[workflow]) as engine:
            engine.submit(workflow, 1, run_id="r")
            await trio.testing.wait_all_tasks_blocked()
        async with open_engine(plugins=plugins, store=store, workflows=[workflow]) as engine:
            (run,) = await engine.recover()
            await run.wait()

        assert naming.parts[1].previous_span_id == "span 1"
        assert run.record.span_id == "span 2"

    async def test_an_answer_that_is_refused_begins_nothing(self) -> None:
        naming = Naming()
        async with open_engine(plugins=[Provider(naming)]) as engine:
            run = engine.create_run(ASK)
            await run.start(1)
            with pytest.raises(NotSuspendedError):
                await run.resume(1, step="other")

        assert len(naming.parts) == 1

    async def test_who_travels_back_is_told_of_the_run_it_comes_from(self) -> None:
        naming = Naming()
        async with open_engine(plugins=[Provider(naming)]) as engine:
            run = engine.create_run(DOUBLE)
            await run.start(1)
            await (await run.fork("double", input_data=5, run_id="new")).start()

        assert naming.parts[1].run_id == "new"
        assert naming.parts[1].previous_span_id == "span 1"


class TestRecordedHeaders:
    HEADERS: ClassVar = {"traceparent": PARENT, "tracestate": "a=1", "baggage": "tenant=acme"}

    async def test_those_of_the_caller_are_recorded_and_found_again(self) -> None:
        store = MemoryStore()
        seen: list[dict[str, str]] = []

        @step
        async def looks(value: int, ctx: StepContext) -> Any:
            seen.append(ctx.tracing_context.headers())
            if ctx.resume_data is None:
                ctx.suspend()

        workflow = Workflow("w", input=int).then(looks)
        async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
            run = engine.create_run(workflow, run_id="r")
            place = TracingContext.from_headers(self.HEADERS)
            await run.start(1, tracing_context=place)
        naming = Naming()
        async with open_engine(
            plugins=[Provider(naming)], store=store, workflows=[workflow]
        ) as engine:
            await (await engine.load_run("r")).resume(True)

        assert seen == [self.HEADERS, self.HEADERS]
        assert naming.parts[0].first_context == naming.parts[0].tracing_context == place

    async def test_an_instrument_may_say_which(self) -> None:
        place = TracingContext.from_headers(self.HEADERS)
        parts: list[PartInfo] = []

        class Placing(Instrument):
            def on_begin(self, part: PartInfo) -> TraceIds:
                parts.append(part)
                return TraceIds("trace", "span", place)

        async with open_engine(plugins=[Provider(Placing())]) as engine:
            run = engine.create_run(ASK)
            async with run.stream(1) as stream:
                start, *_ = [event async for event in stream]
            await run.resume(2)
            await (await run.fork("ask", resume_data=3)).start()

        assert isinstance(start, events.Start)
        recorded = (start.traceparent, start.tracestate, start.baggage)
        assert recorded == tuple(self.HEADERS.values())
        assert [part.first_context for part in parts] == [TracingContext(), place, place]

    async def test_without_any_nothing_is_recorded(self) -> None:
        async with DOUBLE.create_run().stream(1) as stream:
            start = await stream.receive()

        assert "traceparent" not in to_wire(start)["payload"]
        assert isinstance(start, events.Start)
        assert (start.traceparent, start.tracestate, start.baggage) == (None, None, None)


class Counting(Instrument):
    def __init__(self) -> None:
        self.missed: list[int] = []
        self.blocked: list[tuple[str, float]] = []

    def on_gap(self, event: events.Event) -> None:
        self.missed.append(event.seq)

    def on_blocked(self, run_id: str, seconds: float) -> None:
        self.blocked.append((run_id, seconds))


class TestReaders:
    async def test_each_event_that_an_observer_misses_is_told(self) -> None:
        counting = Counting()
        async with open_engine(plugins=[Provider(counting)]) as engine:
            run = engine.create_run(DOUBLE)
            async with run.observe(max_buffer_size=2, on_full="gap") as observer:
                await run.start(1)
                with pytest.raises(HistoryGap):
                    async for _ in observer:
                        pass

        assert counting.missed == [2, 3, 4]

    async def test_the_time_that_is_waited_for_a_reader_is_told(
        self, autojump_clock: MockClock
    ) -> None:
        counting = Counting()
        async with open_engine(plugins=[Provider(counting)]) as engine:
            run = engine.create_run(DOUBLE, run_id="r")
            async with run.stream(1, max_buffer_size=2) as stream:
                await trio.sleep(3)
                async for _ in stream:
                    pass

        assert counting.blocked[0] == ("r", 3)
        assert sum(seconds for _, seconds in counting.blocked) == 3  # what came later was read

    async def test_also_if_the_wait_is_canceled(self, autojump_clock: MockClock) -> None:
        counting = Counting()
        async with open_engine(plugins=[Provider(counting)]) as engine:
            run = engine.create_run(DOUBLE, run_id="r")
            async with run.stream(1, max_buffer_size=2):
                await trio.sleep(2)

        assert counting.blocked == [("r", 2)]

    async def test_one_that_raises_here_is_left_out(self, caplog: pytest.LogCaptureFixture) -> None:
        class Failing(Instrument):
            def on_gap(self, event: events.Event) -> None:
                raise ValueError("no")

        async with open_engine(plugins=[Provider(Failing())]) as engine:
            run = engine.create_run(DOUBLE)
            async with run.observe(max_buffer_size=2, on_full="gap"):
                result = await run.start(1)

        assert result.unwrap() == 2
        assert caplog.text.count("ValueError: no") == 1
