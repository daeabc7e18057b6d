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
    def run(self, action: Action) -> Run[Any, Any]:
        """Return the run that an action names, created on first use."""
        name = action.get("run", "run")
        if name not in self.runs:
            self.runs[name] = self.engine.create_run("wf", run_id=run_id_of(action))
        return self.runs[name]

    async def read(self, name: str, events: AsyncIterable[ev.Event], api: str) -> None:
        """Keep the events of a stream until it ends."""
        log = self.logs[name]
        translator = Translator(
            flavour_of(self.builder.words, api), self.builder.words, self.builder.checked_inputs
        )
        async for event in events:
            recorded = translator.translate(event)
            log.events += recorded
            if recorded:
                self.note_change()
        log.closed = True
        self.note_change()

    async def keep(
        self, name: str, run: Run[Any, Any], result: RunResult[Any], action: Action
    ) -> None:
        """Keep a result, in its recorded form."""
        async with run.observe() as history:
            memory = remember([event async for event in history], self.builder.words)
        options = action.get("opts", {}).get("outputOptions", {})
        self.results[name] = result_to_recorded(
            result,
            self.builder.words,
            memory,
            schemas=self.builder.checked_inputs,
            with_state=bool(options.get("includeState")),
        )
        self.note_change()


def run_id_of(action: Action) -> str | None:
    id: str | None = action.get("opts", {}).get("runId")
    return id
