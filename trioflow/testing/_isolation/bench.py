"""An engine with faulty runs, and a bystander run that must not be affected."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs

from trioflow import events as ev
from trioflow._engine.journal.codec import decode
from trioflow.abc import Store
from trioflow.engine import Engine, open_engine
from trioflow.errors import NotSerializableError
from trioflow.record import RunRecord, fold
from trioflow.run import Run
from trioflow.testing._grammar import check_events
from trioflow.testing._isolation.bodies import Flow, flow
from trioflow.testing._isolation.stage import Stage
from trioflow.wire import to_wire

CHUNKS = (ev.StepOutput, ev.ToolCallDelta)
EVERYTHING = 10**6
"""More entries than any journal has here."""


@attrs.define(eq=False)
class Bench:
    """Engines on one store, and the expectations on their runs."""

    make_store: Callable[[], Store] | None
    """Creates a store on the same storage each time; None for engines without a store."""
    journal_chunks: bool = True
    stage: Stage = attrs.field(factory=Stage)
    mark: str = attrs.field(factory=lambda: f"isolation-{uuid.uuid4().hex}-")
    """Prefix of the ids of all runs here."""
    flows: dict[str, Flow] = attrs.field(factory=dict)
    """The workflows, by id; each is run once, with its id as run id."""
    ended: dict[str, ev.RunStatus] = attrs.field(factory=dict)
    """The status of the checked runs, by run id."""

    bystander: Flow = attrs.field(init=False)
    """The workflow of the run that waits in the background."""

    @bystander.default
    def _make_bystander(self) -> Flow:
        ends = self.stage.bodies.gives("well")
        return flow(f"{self.mark}bystander").wait_for_event("end", ends)

    @property
    def is_durable(self) -> bool:
        return self.make_store is not None

    def new(self) -> Flow:
        """Return a workflow without nodes, with a unique id."""
        return flow(f"{self.mark}{len(self.flows)}")

    def add(self, workflow: Flow) -> Flow:
        """Register a workflow that is about to run."""
        self.flows[workflow.id] = workflow
        return workflow

    def open(self, workflows: Iterable[Flow] = ()) -> Any:
        """Open an engine."""
        return open_engine(
            plugins=[self.stage.meddler],
            store=None if self.make_store is None else self.make_store(),
            journal_chunks=self.journal_chunks,
            workflows=[self.bystander, *workflows],
        )

    @asynccontextmanager
    async def beside_a_bystander(self) -> AsyncGenerator[Engine, None]:
        """Open an engine with a run that waits, and must succeed when the block exits."""
        async with self.open() as engine:
            bystander = engine.submit(self.bystander, run_id=self.bystander.id)
            yield engine
            bystander.send_event("end")
            result = await bystander.wait()
            assert (result.status, result.output) == ("success", "well"), "the bystander"
            await self.check(engine, bystander, self.bystander, "success")
        await self._check_nothing_is_left()

    async def refuses(self, call: Callable[[], Any]) -> bool:
        """Make a call that a durable run must refuse, and return whether it was refused."""
        try:
            result = call()
            if inspect.isawaitable(result):
                await result
        except NotSerializableError:
            return True
        assert not self.is_durable, "the call was not refused"
        return False

    # ------------------------------------------------------------ what must hold
    async def check(
        self, engine: Engine, run: Run[Any, Any], workflow: Flow, status: ev.RunStatus
    ) -> None:
        """Check that a run has this status: in memory, for its readers, and in the store."""
        assert run.status == status, f"the run is {run.status}"
        assert (await run.wait()).status == status, "its result has another status"
        async with run.observe() as observed:
            events = [event async for event in observed]
        assert isinstance(events[-1], ev.Finish), "its readers receive no finish"
        assert events[-1].status == status, f"its readers receive finish {events[-1].status}"
        check_events(events, workflow)
        assert is_same(fold(events), run.record), "its record is not the fold of its events"
        self.ended[run.run_id] = status
        if engine.store is not None:
            await self._check_stored(engine, engine.store, run.run_id, events)

    async def _check_stored(
        self, engine: Engine, store: Store, run_id: str, events: Sequence[ev.Event]
    ) -> None:
        """Check that a run is stored as its readers have seen it, and is not claimed."""
        last = events[-1]
        assert isinstance(last, ev.Finish)
        stored = await store.get(run_id)
        assert stored is not None, "it is not stored"
        assert stored.status == last.status, f"its status in the store is {stored.status}"
        assert stored.owner is None, "it is still claimed"
        recorded = decode(run_id, await store.read(run_id, limit=EVERYTHING))
        kept = [e for e in events if self.journal_chunks or not isinstance(e, CHUNKS)]
        converter = engine.converter
        emitted = [_brief(to_wire(event, converter=converter)) for event in kept]
        written = [_brief(to_wire(event)) for event in recorded]
        assert written == emitted, "its journal differs from its events"

    async def check_recovery(self) -> None:
        """Check that another engine recovers the runs of an interrupted process."""
        async with self.open(self.flows.values()) as engine:
            runs = {run.run_id: run for run in await engine.recover()}
            bystander = runs.pop(self.bystander.id)
            bystander.send_event("end")
            await bystander.wait()
            await self.check(engine, bystander, self.bystander, "success")
            for workflow in self.flows.values():
                if await engine.store.get(workflow.id) is None:
                    continue  # it had not been stored yet
                run = await engine.load_run(workflow.id)
                result = await run.wait()
                assert result.status in ("success", "failed", "suspended"), (
                    f"its final status is {result.status}"
                )
                await self.check(engine, run, workflow, result.status)

    async def _check_nothing_is_left(self) -> None:
        """Check that after a restart the runs are unchanged, and none runs again."""
        if not self.is_durable:
            return
        made = dict(self.stage.bodies.made)
        async with self.open(self.flows.values()) as engine:
            recovered = [run.run_id for run in await engine.recover()]
            assert not any(id.startswith(self.mark) for id in recovered), f"{recovered} run again"
            for run_id, status in self.ended.items():
                run = await engine.load_run(run_id)
                assert run.status == status, f"{run_id} is {run.status} after a restart"
                folded = fold(run._life.core.log.history())
                assert is_same(folded, run.record), f"{run_id} is not the fold of its events"
        assert dict(self.stage.bodies.made) == made, "bodies ran again"


def is_same(one: RunRecord, other: RunRecord) -> bool:
    """Return whether two records are equal, treating identical objects such as NaN as equal."""
    return _parts(one) == _parts(other)


def _parts(record: RunRecord) -> list[Any]:
    """Return the compared fields as lists, which treat identical items as equal."""
    names = [field.name.removeprefix("_") for field in attrs.fields(RunRecord) if field.eq]
    values = [getattr(record, name) for name in names if name != "records"]
    return [*values, *(attrs.astuple(call, recurse=False) for call in record.records)]


def _brief(wire: Any) -> Any:
    """Return an event in wire format with only the names and messages of its errors.

    Tracebacks grow as an exception propagates, and a journal has more of an error in a value.
    """
    if isinstance(wire, list):
        return [_brief(value) for value in wire]
    if not isinstance(wire, dict):
        return wire
    kept = min({"name", "message"}, wire.keys())
    return {key: _brief(value) for key, value in wire.items() if key in kept}
