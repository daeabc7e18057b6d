"""The runs of schedules: what `trioflow.schedules` needs of an engine."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from trioflow._engine import journal
from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report
from trioflow._engine.journal.single_values import decode_value, encode_value
from trioflow._host.plugins import NO_DISTRIBUTION, PluginHost
from trioflow.abc import Instrument, ScheduleStore, TickRecord
from trioflow.errors import DefinitionError, DuplicateIdError, JournalConflictError, StoreError
from trioflow.events import RunStatus
from trioflow.run import Run
from trioflow.run_info import RunInfo
from trioflow.schedules import Schedule, Schedules
from trioflow.schedules._book import Book
from trioflow.schedules._ports import TickStart
from trioflow.stores import MemoryStore
from trioflow.tracing import TracingOptions
from trioflow.workflow import Workflow

if TYPE_CHECKING:
    from trioflow.engine import Engine


def declared_schedules(host: PluginHost, given: Iterable[Schedule]) -> dict[str, Schedule]:
    """Return the schedules of plugins and those of the caller, by id.

    Raises:
      DuplicateIdError: if an id is given twice.
      DefinitionError: if one is not a schedule.
    """
    found = host.schedules()
    providers = {id: plugin for id, (plugin, _) in found.items()}
    declared = {id: schedule for id, (_, schedule) in found.items()}
    for schedule in given:
        if not isinstance(schedule, Schedule):
            remedy = "give schedules under schedules="
            raise DefinitionError("open_engine", f"{schedule!r} is not a schedule", remedy)
        if declared.get(schedule.id) is schedule:
            continue
        if schedule.id in declared:
            provider = providers.get(schedule.id, "open_engine")
            problem = f"schedule {schedule.id!r} is already provided by {provider!r}"
            raise DuplicateIdError("open_engine", NO_DISTRIBUTION, problem, "rename one of them")
        declared[schedule.id] = schedule
    return declared


def schedules_of(engine: Engine, declared: Mapping[str, Schedule]) -> Schedules:
    """Return the schedules of an engine.

    Raises:
      StoreError: if its store cannot keep schedules.
    """
    store = engine.store or MemoryStore()
    if not isinstance(store, ScheduleStore):
        problem = "cannot keep schedules; use a store that is a trioflow.abc.ScheduleStore"
        raise StoreError(type(store).__name__, problem)
    owner = secrets.token_hex(8) if engine._durable is None else engine._durable.owner
    schedules: Schedules = Schedules._create(
        Book(ScheduledRuns(engine, store), store, owner, declared)
    )
    return schedules


@attrs.define(eq=False)
class ScheduledRuns:
    """The `EnginePort` of an engine."""

    _engine: Engine
    _store: ScheduleStore
    _inputs: list[Any] = attrs.field(factory=list)
    """The inputs of schedules without a store."""
    _failed: set[Instrument] = attrs.field(factory=set)

    @property
    def workflows(self) -> Mapping[str, Workflow[Any, Any]]:
        return self._engine.workflows

    async def start_tick(self, start: TickStart) -> Run[Any, Any] | None:
        engine = self._engine

        async def begin() -> Run[Any, Any] | None:
            async with engine._runs.lock(start.run_id):
                if engine._runs.find(start.run_id) is not None:
                    return None
                if engine._stored is None:
                    await self._mark(start)
                return await self._begin(start)

        return await engine._runs.do(start.run_id, begin)

    async def _begin(self, start: TickStart) -> Run[Any, Any] | None:
        engine, stored = self._engine, self._engine._stored
        run = engine.create_run(
            start.workflow,
            run_id=start.run_id,
            resource_id=start.resource_id,
            tags=start.tags,
        )
        life, options = run._life, TracingOptions(start.metadata)
        engine._begin(
            life, start.input, None, None, options, None, start.by, stored is None, None, False
        )
        if stored is None:
            engine._runs.start_soon(life)
            return run
        return run if await journal.start_once(stored, life, start.key) else None

    async def _mark(self, start: TickStart) -> None:
        """Record that a tick has started, in an engine without a store for its runs."""
        id, at = start.key
        while True:
            stored = await self._store.get_schedule(id)
            near = await self._store.list_ticks(id, 3, after=at - 1e-3, before=at + 1e-3)
            record = next((each for each in near if each.at == at), None)
            if stored is None or record is None or record.decision != "decided":
                raise JournalConflictError(start.run_id, "its tick is not decided")
            if await self._store.advance(
                id,
                version=stored.version,
                after=stored.watermark,
                to=stored.watermark,
                ticks=[attrs.evolve(record, decision="started")],
                wake_at=stored.wake_at,
            ):
                return

    async def find_runs(
        self, tag: str, statuses: Collection[RunStatus], limit: int
    ) -> Sequence[RunInfo]:
        return await self._engine.list_runs(tags=(tag,), status=statuses, limit=limit)

    async def cancel_run(self, run_id: str, reason: str | None = None) -> None:
        await self._engine.cancel_run(run_id, reason)

    def notify(self, record: TickRecord) -> None:
        if record.decision == "decided":
            return  # "started" follows
        for instrument in self._engine._environment.instruments:
            if instrument in self._failed:
                continue
            try:
                instrument.on_tick(record)
            except BaseException as exc:
                if must_pass(exc):
                    raise
                report("instrument %r failed and is switched off", instrument, error=exc)
                self._failed.add(instrument)

    def encode_input(self, value: Any) -> str:
        if self._engine._durable is not None:
            return encode_value(value, self._engine._durable.writer)
        self._inputs.append(value)
        return json.dumps(len(self._inputs) - 1)

    def decode_input(self, text: str) -> Any:
        if self._engine._durable is not None:
            return decode_value(text, self._engine._durable.writer)
        return self._inputs[json.loads(text)]
