"""What is seen of the runs of a case while its script is played."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping
from typing import Any

import attrs
import trio

from trioflow import Engine, Run, RunResult
from trioflow import events as ev

from .build import Builder
from .flavours import flavour_of
from .memory import remember
from .place import NotSupportedError, seconds
from .results import result_to_recorded
from .translate import Translator

Action = Mapping[str, Any]
HANG_MS = 400
"""A record is complete when nothing has happened for so long."""


@attrs.define
class Log:
    """The recorded events of one stream."""

    events: list[dict[str, Any]] = attrs.field(factory=list)
    closed: bool = False

    def count(self, type: str, id: str | None) -> int:
        """Return how many events of that type and id there are."""
        return sum(
            event["type"] == type and id in (None, event.get("payload", {}).get("id"))
            for event in self.events
        )


@attrs.define
class Session:
    """One execution of a script."""

    engine: Engine
    builder: Builder
    nursery: trio.Nursery
    runs: dict[str, Run[Any, Any]] = attrs.field(factory=dict)
    logs: dict[str, Log] = attrs.field(factory=dict)
    results: dict[str, Any] = attrs.field(factory=dict)
    values: dict[str, Any] = attrs.field(factory=dict)
    errors: list[dict[str, Any]] = attrs.field(factory=list)
    shown_ids: dict[str, str] = attrs.field(factory=dict)
    """Ids of the runs that others have gone on from, by the ids of those."""
    changes: int = 0
    changed: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    def note_error(self, index: int, action: Action, error: Exception) -> None:
        """Keep what an action raised."""
        recorded = self.builder.words.error(error, at_begin=True)
        self.errors.append({"index": index, "do": action["do"], "error": recorded})
        if action["do"] in ("start", "stream"):  # whoever asks for the result gets it, too
            self.results.setdefault(action.get("as", "main"), {"$rejected": recorded})

    # ------------------------------------------------------------ what is awaited
    def note_change(self) -> None:
        """Wake those who wait for something to happen."""
        self.changes += 1
        self.changed.unpark_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so.

        Raises:
          NotSupportedError: if a body gave up, so that it may never be.
        """
        while not condition():
            self.check_supported()
            await self.changed.park()

    def check_supported(self) -> None:
        """Give the case up if a body of it did.

        Raises:
          NotSupportedError: if so.
        """
        if self.builder.effects.not_supported:
            raise NotSupportedError(self.builder.effects.not_supported[0])

    @property
    def settled(self) -> bool:
        """Whether all streams are closed and all results are there."""
        pending = any(result.get("$pending") for result in self.results.values())
        return not pending and all(log.closed for log in self.logs.values())

    async def wait_settled(self, hang_ms: float) -> None:
        """Wait until all is settled, or nothing has happened for that long."""
        while not self.settled:
            before = self.changes
            with trio.move_on_after(seconds(hang_ms)):
                await self.until(lambda: self.changes != before)  # noqa: B023 - awaited here
            if self.changes == before:
                return

    # ------------------------------------------------------------ runs
    def open_log(self, name: str) -> None:
        """Be ready for a stream and its result."""
        self.logs[name] = Log()
        self.results[name] = {"$pending": True}

    def arrived(self, action: Action, run: Run[Any, Any]) -> None:
        """Let a run stand for the one it has travelled back in, as it does there."""
        before = self.run(action).run_id
        if run.run_id != before:
            self.shown_ids[run.run_id] = self.shown_ids.get(before, before)
            self.runs[action.get("run", "run")] = run

    def run(self, action: Action) -> Run[Any, Any]:
        """Return the run that an action names, created on first use."""
        name = action.get("run", "run")
        if name not in self.runs:
            self.runs[name] = self.engine.create_run("wf", run_id=run_id_of(action))
        return self.runs[name]

    async def read(
        self, name: str, run: Run[Any, Any], events: AsyncIterable[ev.Event], api: str
    ) -> None:
        """Keep the events of a stream until it ends; it counts as closed with its result."""
        log = self.logs[name]
        translator = Translator(
            flavour_of(self.builder.words, api),
            self.builder.words,
            self.builder.checked_inputs,
            self.builder.effects.outputs,
            self.shown_ids,
            self.builder.agents,
        )
        async for event in events:
            if not log.events and isinstance(event, ev.Resume | ev.Recover):
                log.events.append(translator.begin_again(event))
                for earlier in await history_of(run, event.seq):
                    translator.memory.note(earlier)
            recorded = translator.translate(event)
            log.events += recorded
            if recorded:
                self.note_change()

    def close_log(self, name: str) -> None:
        """Take note that a stream is closed."""
        self.logs[name].closed = True
        self.note_change()

    async def keep(
        self, name: str, run: Run[Any, Any], result: RunResult[Any], action: Action
    ) -> None:
        """Keep a result, in its recorded form; an earlier one of that name as the first."""
        history = await history_of(run, run.record.next_seq)
        options = action.get("opts", {}).get("outputOptions", {})
        recorded = result_to_recorded(
            attrs.evolve(result, run_id=self.shown_ids.get(result.run_id, result.run_id)),
            self.builder.words,
            remember(history, self.builder.words, self.builder.effects.outputs),
            schemas=self.builder.checked_inputs,
            with_state=bool(options.get("includeState")),
        )
        for id, supplied in action.get("steps", {}).items():
            recorded["steps"][id] = {**recorded["steps"].get(id, {}), **supplied}
        if action["do"] == "restart":  # what it hands out is the stored record
            recorded.setdefault("resumeLabels", {})
        before = self.results.get(name, {"$pending": True})
        if not before.get("$pending") and before != recorded:
            self.results[f"{name}:first"] = before
        self.results[name] = recorded
        self.note_change()

    def reject(self, name: str, action: Action, error: Exception) -> None:
        """Keep what was raised in place of a result."""
        told = self.builder.words.refusal(action, error)
        self.results[name] = {"$rejected": told}
        self.note_change()


async def history_of(run: Run[Any, Any], end: int) -> list[ev.Event]:
    """Return the events of a run with a ``seq`` below *end*."""
    history: list[ev.Event] = []
    async with run.observe() as observer:
        while len(history) < end:
            history.append(await observer.receive())
    return history


def run_id_of(action: Action) -> str | None:
    id: str | None = action.get("opts", {}).get("runId")
    return id
