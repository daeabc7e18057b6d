"""What happens to one run in an engine: together, all that the engine does for a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import attrs
import trio
import trio.lowlevel

from tests.safety.injecting import for_the_run
from trioflow import Engine, Retry, Run, StepContext, Workflow, events, step, tool
from trioflow._engine.life.ending import halt
from trioflow.abc import BodyInfo, Instrument, PartInfo, TraceIds
from trioflow.events import Event
from trioflow.tracing import TracingContext, TracingOptions

Flow = Workflow[Any, Any]
RUN = "victim"


@attrs.frozen
class Place:
    name: str


@attrs.frozen
class Memory:
    places: tuple[str, ...] = ()


class Watching(Instrument):
    """An instrument that does all that instruments may do."""

    def on_event(self, event: Event) -> None:
        """Hear of it."""

    def on_begin(self, part: PartInfo) -> TraceIds:
        return TraceIds("0" * 31 + "1", "0" * 15 + "1")

    def around_body(self, body: BodyInfo) -> AbstractContextManager[Any]:
        return nullcontext()


# ---------------------------------------------------------------- steps
@tool
async def looks(name: str) -> Place:
    return Place(name)


@tool
async def counts(to: int) -> AsyncIterator[int]:
    for number in range(to):
        yield number


@step
async def works(value: Any, ctx: StepContext[Memory]) -> Place:
    await ctx.write("begun")
    await ctx.call_tool(counts, 2)
    async with ctx.stream_tool(counts, to=2) as pieces:
        async for _ in pieces:
            break
    ctx.set_state(places=(*ctx.state.places, "Oslo"))
    ctx.runtime_context["seen"] = 1
    return await ctx.call_tool(looks, "Oslo")


@step(retry=Retry(2, delay=1), timeout=60)
async def tries(place: Place, ctx: StepContext[Memory]) -> Place:
    if ctx.attempt == 1:
        raise OSError("once")
    return place


@step(limit="few")
async def naps(value: Any) -> Any:
    await trio.sleep(1)
    return value


@step
async def plain(value: Any) -> Any:
    return value


@step
async def waits(value: Any, ctx: StepContext[Memory]) -> Place:
    return await ctx.wait_for("more", Place)


@step(resume=Place, suspend=Place)
async def asks(value: Any, ctx: StepContext[Memory]) -> Place:
    if ctx.resume_data is None:
        ctx.suspend(Place("where?"), label="ask")
    answer: Place = ctx.resume_data
    return answer


@step
async def fails(value: Any) -> None:
    raise ValueError("no")


@step
async def gives_up(value: Any, ctx: StepContext[Memory]) -> None:
    ctx.cancel_run("enough")
    await trio.sleep_forever()


@step
async def bails(value: Any, ctx: StepContext[Memory]) -> None:
    ctx.bail("soon")


def hears(told: Any) -> None:
    """Be a hook."""


def flow(id: str, **options: Any) -> Flow:
    return Workflow(id, input=Any, output=Any, state=Memory, **options)


EVERYTHING = (
    flow("everything", on_start=hears, on_finish=hears, on_error=hears)
    .then(works)
    .then(tries)
    .parallel(naps, plain)
    .branch((lambda data: True, naps.clone("first")), (lambda data: False, plain))
    .dowhile(plain.clone("loops"), lambda data, ctx: ctx.iteration < 2)
    .map({"place": lambda data: "Oslo"})
    .map(lambda data: [data["place"], "Bergen"])
    .foreach(looks, concurrency=2)
    .foreach(Workflow("each", on_finish=hears).then(naps))
    .sleep(1)
    .wait_for_event("go", plain.clone("goes"))
    .then(waits)
    .then(Workflow("inner", on_start=hears, output=Place).then(plain))
)
ASKING = flow("asking").map(lambda data: [1, 2]).foreach(asks).then(plain).then(asks.clone("again"))
LONG = flow("long").then(plain).sleep(100).then(works).then(naps)
FAILING = flow("failing", on_error=hears).parallel(fails, naps)
SIBLINGS = flow("siblings").parallel(
    fails, Workflow("two").then(fails).then(naps), on_error="finish"
)
GIVING_UP = flow("giving-up").parallel(gives_up, naps)
BAILING = flow("bailing").then(Workflow("short").then(bails).then(naps)).parallel(bails, naps)


# ---------------------------------------------------------------- stories
@attrs.define(eq=False)
class Teller:
    """Tells one story of the run, in as many engines as it takes."""

    open_engine: Callable[[], Any]
    nursery: trio.Nursery
    """For those who read the run to the end of what they read."""
    runs: dict[Run[Any, Any], trio.CancelScope] = attrs.field(factory=dict)
    """What was held of the run, each with a reader."""

    def hold(self, run: Run[Any, Any]) -> Run[Any, Any]:
        """Take note of a run, and read it in a task of its own."""
        if run not in self.runs:
            self.runs[run] = scope = trio.CancelScope()
            self.nursery.start_soon(_read, run, scope)
        return run


async def _read(run: Run[Any, Any], scope: trio.CancelScope) -> None:
    for_the_run.set(False)  # reading is not what is to go wrong
    with scope:
        async with run.observe() as stream:
            async for _ in stream:
                pass


Story = Callable[[Teller, Engine], Awaitable[None]]


async def does_everything(teller: Teller, engine: Engine) -> None:
    run = teller.hold(
        engine.submit(
            EVERYTHING,
            "x",
            run_id=RUN,
            initial_state={"places": ["Rome"]},
            runtime_context={"a": 1},
            tracing_context=TracingContext(),
            tracing_options=TracingOptions({"b": 2}),
        )
    )
    run.send_event("more", {"name": "Paris"})
    await trio.sleep(5)
    run.send_event("go")
    await run.wait()


async def asks_and_is_answered(teller: Teller, engine: Engine) -> None:
    run = teller.hold(engine.submit(ASKING, "x", run_id=RUN))
    await run.wait()
    await run.resume({"name": "a"}, step=asks, index=0, runtime_context={"c": 1})
    await run.resume({"name": "b"}, step=asks)
    async with run.resume_stream({"name": "c"}, label="ask") as stream:
        await stream.get_workflow_state()


async def stays_open(teller: Teller, engine: Engine) -> None:
    run = teller.hold(engine.create_run(ASKING, run_id=RUN))
    async with trio.open_nursery() as nursery:

        async def answer() -> None:
            await trio.sleep(1)
            await run.resume({"name": "a"}, step=asks)
            await run.resume({"name": "b"}, step=asks)
            await run.resume({"name": "c"}, step="again")

        nursery.start_soon(answer)
        async with run.stream("x", close_on_suspend=False, max_buffer_size=1) as stream:
            async for _ in stream:
                pass


async def goes_step_by_step(teller: Teller, engine: Engine) -> None:
    run = teller.hold(engine.create_run(LONG, run_id=RUN))
    await run.start("x", per_step=True)
    await run.resume(per_step=True)
    await run.resume()


async def is_left(teller: Teller, engine: Engine) -> None:
    run = teller.hold(engine.create_run(LONG, run_id=RUN))
    async with run.stream("x") as stream:
        await stream.receive()


async def is_drained(teller: Teller, engine: Engine) -> None:
    run = teller.hold(engine.submit(LONG, "x", run_id=RUN))
    await trio.sleep(1)
    await run.drain(1)


async def is_canceled(teller: Teller, engine: Engine) -> None:
    run = teller.hold(engine.submit(LONG, "x", run_id=RUN))
    await trio.sleep(1)
    await engine.cancel_run(RUN, "enough")
    await run.wait()


async def is_canceled_while_it_waits(teller: Teller, engine: Engine) -> None:
    run = teller.hold(engine.submit(ASKING, "x", run_id=RUN))
    await run.wait()
    await engine.cancel_run(RUN)


async def ends_early(teller: Teller, engine: Engine) -> None:
    for workflow in (FAILING, SIBLINGS, GIVING_UP, BAILING):
        run = teller.hold(engine.submit(workflow, "x"))
        await run.wait()


async def is_forked(teller: Teller, engine: Engine) -> None:
    run = teller.hold(engine.create_run(ASKING, run_id=RUN))
    await run.start("x")
    await run.resume({"name": "a"}, step=asks, index=0)
    await run.resume({"name": "b"}, step=asks)
    answer = {"name": "c"}
    forked = await run.fork("again", run_id="other", resume_data=answer, context={"plain": 1})
    await forked.start()
    async with (await run.fork(asks, run_id="third")).stream() as stream:
        async for _ in stream:
            pass


async def is_halted_and_recovered(teller: Teller, engine: Engine) -> None:
    run = teller.hold(engine.submit(LONG, "x", run_id=RUN))
    await trio.sleep(1)
    run.send_event("late", 1)
    halt(run._life)
    await run.wait()
    async with teller.open_engine() as other:
        for recovered in await other.recover():  # none, if it cannot be
            await teller.hold(recovered).wait()


async def is_recovered(teller: Teller, engine: Engine) -> None:
    run = teller.hold(engine.submit(ASKING, "x", run_id=RUN))
    await run.wait()
    async with teller.open_engine() as other:
        loaded = teller.hold(await other.load_run(RUN))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(loaded.resume, {"name": "a"}, step=asks))
            await trio.lowlevel.checkpoint()
            halt(loaded._life)
    loaded = teller.hold(await engine.load_run(RUN))
    if loaded.status == "running":
        await loaded.recover()
    async with engine.observe(RUN) as stream:
        async for event in stream:
            if isinstance(event, events.Suspended):
                break


IN_A_STORE = (is_halted_and_recovered, is_recovered)
"""Stories of durable runs."""
STORIES: Mapping[str, Story] = {
    story.__name__: story
    for story in (
        does_everything,
        asks_and_is_answered,
        stays_open,
        goes_step_by_step,
        is_left,
        is_drained,
        is_canceled,
        is_canceled_while_it_waits,
        ends_early,
        is_forked,
        is_halted_and_recovered,
        is_recovered,
    )
}
FLOWS = (EVERYTHING, ASKING, LONG, FAILING, SIBLINGS, GIVING_UP, BAILING)
