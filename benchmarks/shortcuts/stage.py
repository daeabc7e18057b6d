"""What the measured code needs around it: a log, a call that is being made, workflows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio

from benchmarks import bodies, ours
from benchmarks.clocks import StandingClock
from trioflow import EventStream, Step, Workflow, open_engine, step
from trioflow import events as ev
from trioflow._engine.base.plan import CallPlan, ThenPlan, WorkflowPlan
from trioflow._engine.running.call import Call, new_call
from trioflow._engine.running.frame import Scope
from trioflow._engine.stream.log import RunLog
from trioflow._engine.stream.reader import Reader
from trioflow.stores import MemoryStore

noop = step(bodies.noop)

ABSENT = object()


def new_log(log_type: type[RunLog] = RunLog) -> RunLog:
    """Return the log of a run that has started; it can be written to outside of Trio."""
    log = log_type("run", ())
    start(log)
    return log


def start(log: RunLog) -> None:
    log.clock = StandingClock()
    log.emit(ev.Start, workflow_id="workflow", input=0)


def new_stream(
    log: RunLog, max_buffer_size: int, stream_type: type[EventStream] = EventStream
) -> EventStream:
    """Return a stream of the events that will be written to the log of a run that has started."""
    reader = Reader(max_buffer_size, log.readers)
    log.add_reader(reader, after=0)
    stream: EventStream = stream_type._create(reader)
    return stream


def chunk_events(number: int) -> list[ev.Event]:
    """Return so many events for the log of a run that has started."""
    return [
        ev.StepOutput(run_id="run", seq=1 + n, at=0.0, id="step", address="0", chunk=n)
        for n in range(number)
    ]


def chain(length: int, body: Step[Any, Any] = noop, **options: Any) -> Workflow[Any, Any]:
    return ours.chain_of([body] * length, **options)


def plan_of(workflow: Workflow[Any, Any]) -> WorkflowPlan:
    """Return the plan by which all runs of a workflow are made."""
    return workflow.create_run()._life.plan


def stored_plan_of(workflow: Workflow[Any, Any]) -> WorkflowPlan:
    """Return the plan by which runs of a workflow are made that are kept in a store."""

    async def plan() -> WorkflowPlan:
        store = MemoryStore()
        async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
            return engine.create_run(workflow)._life.plan

    return trio.run(plan)


def call_plans(plan: WorkflowPlan) -> list[CallPlan]:
    """Return how the calls of a chain are made."""
    return [node.call for node in plan.nodes if isinstance(node, ThenPlan)]


def new_scope() -> Scope:
    """Return the scope of a run of one step, with a log that can be written to."""
    life = chain(1).create_run()._life
    start(life.core.log)
    return Scope(life.core, life.plan, prefix="", address="")


def started_call() -> Call:
    """Return a call of a step that has started."""
    scope = new_scope()
    call = new_call(call_plans(scope.plan)[0], scope, "0")
    scope.core.log.emit(ev.StepStart, id=call.id, address=call.address, input=0)
    return call


def run_all(workflow: Workflow[Any, Any], value: Any) -> Callable[[], object]:
    """Return what runs a workflow, without a reader, and must succeed."""

    async def main() -> None:
        (await workflow.create_run().start(value)).unwrap()

    return lambda: trio.run(main)


def in_trio(main: Callable[..., Awaitable[object]], *args: Any) -> Callable[[], object]:
    return lambda: trio.run(main, *args)


def patched(work: Callable[[], object], *patches: tuple[Any, str, Any]) -> Callable[[], object]:
    """Return *work*, done while other things stand in the places of some names."""

    def with_patches() -> None:
        with standing_in(*patches):
            work()

    return with_patches


@contextmanager
def standing_in(*patches: tuple[Any, str, Any]) -> Iterator[None]:
    """Put other things into the places of some names: ``(object, name, other)``.

    Not with `unittest.mock`, which would take as long as what is measured.
    """
    before = [(target, name, vars(target).get(name, ABSENT)) for target, name, _ in patches]
    for target, name, other in patches:
        setattr(target, name, other)
    try:
        yield
    finally:
        for target, name, value in before:
            if value is ABSENT:
                delattr(target, name)
            else:
                setattr(target, name, value)
