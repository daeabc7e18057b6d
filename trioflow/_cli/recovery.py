"""Recovering the interrupted runs of a store, and waiting for those that others drive."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import attrs
import trio

from trioflow import events as ev
from trioflow._cli.display import DRAINING, STOPPING, say
from trioflow._cli.owners import driven_by, is_interrupted
from trioflow._cli.plain import describe
from trioflow._cli.signals import GRACE, REASONS
from trioflow._cli.text import clean
from trioflow.abc import Store, StoredRun
from trioflow.engine import Engine
from trioflow.errors import HistoryGap, TrioflowError
from trioflow.events import ACTIVE_STATUSES, WAITING_STATUSES
from trioflow.run import Run

LOOK = 1.0
"""Seconds between two looks for runs whose process has died."""
SHOWN = 5
"""For how many runs it is said who drives them."""


@attrs.define(eq=False)
class Recovery:
    """Recovers the runs of a store, and says what becomes of them."""

    engine: Engine
    store: Store
    has_failed: bool = False
    """Whether a run did not end well, or could not be recovered."""
    _awaited: set[str] = attrs.field(factory=set)
    """Runs of which it is still to be said how they end."""

    async def run(self, wait: bool) -> None:
        """Recover what is interrupted, and wait for it.

        Args:
          wait: Whether to do so for runs that other processes drive, too.
        """
        recovered = await self.engine.recover()
        say(f"{_runs(len(recovered))} to recover")
        async with trio.open_nursery() as nursery:
            for run in recovered:
                self._await_soon(run, nursery)
            held = await self._others({run.run_id for run in recovered})
            self._tell_held(held, wait)
            if wait:
                await self._await_others(held, nursery)

    async def stop(self, signum: int, scope: trio.CancelScope) -> None:
        """Stop because a signal came: at once if a person asks, who can see what runs."""
        at_once = signum == signal.SIGINT
        words = STOPPING if at_once else DRAINING.format(grace=GRACE)
        say(f"{REASONS[signum]}: {words}")
        if not at_once:
            await self.engine.drain(GRACE)
        scope.cancel()

    async def _others(self, recovered: set[str]) -> list[StoredRun]:
        """Return the unfinished runs that others drive; say which ones nobody can."""
        unfinished = await self.store.list_runs(status=ACTIVE_STATUSES)
        self._tell_unknown({each.header.workflow_id for each in unfinished})
        self.has_failed |= any(is_interrupted(each) for each in unfinished)
        own = {life.run_id for life in self.engine._runs.known() if life.is_driven_here}
        return [
            each
            for each in unfinished
            if each.header.workflow_id in self.engine.workflows
            and each.header.run_id not in own | recovered
            and not is_interrupted(each)
        ]

    def _tell_unknown(self, ids: set[str]) -> None:
        for id in sorted(ids - {*self.engine.workflows}):
            say(clean(f"workflow {id!r} is not installed; name it with --workflow MODULE:ATTR"))
            self.has_failed = True

    def _tell_held(self, held: Sequence[StoredRun], wait: bool) -> None:
        for each in held[:SHOWN]:
            say(f"run {clean(each.header.run_id)} runs in {driven_by(each)}")
        if len(held) > SHOWN:
            say(f"... and {len(held) - SHOWN:,} more")
        if held and not wait:
            say("to wait for them, and to recover those whose process dies: --wait")

    # ------------------------------------------------------------ waiting
    async def _await_others(self, held: Sequence[StoredRun], nursery: trio.Nursery) -> None:
        """Wait until all runs that others drive have ended, and recover what they leave."""
        for each in held:
            try:
                self._await_soon(await self.engine.load_run(each.header.run_id), nursery)
            except TrioflowError as exc:
                self._tell_end(each.header.run_id, each.header.workflow_id, f"not known: {exc}")
                self.has_failed = True
        while self._awaited:
            await trio.sleep(LOOK)
            for run in await self.engine.recover():
                self._await_soon(run, nursery)

    def _await_soon(self, run: Run[Any, Any], nursery: trio.Nursery) -> None:
        if run.run_id not in self._awaited:
            self._awaited.add(run.run_id)
            nursery.start_soon(self._await_end, run)

    async def _await_end(self, run: Run[Any, Any]) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_show_progress, run)
                status: str = (await run.wait()).status
        except* TrioflowError as group:
            status = f"not saved: {group.exceptions[0]}"
        self.has_failed |= status not in ("success", *WAITING_STATUSES)
        self._tell_end(run.run_id, run.workflow_id, status)
        self._awaited.discard(run.run_id)

    def _tell_end(self, run_id: str, workflow_id: str, what: str) -> None:
        print(clean(f"{run_id}  {workflow_id}  {what}"), flush=True)


async def _show_progress(run: Run[Any, Any]) -> None:
    """Say on standard error what a run does: a line per step, and for a foreach about ten."""
    with suppress(HistoryGap):
        async with run.observe(run.record.next_seq - 1, on_full="gap") as stream:
            async for event in stream:
                if isinstance(event, SHOWN_EVENTS) and "[" not in event.address:
                    text = describe(event)
                    if text is not None:
                        say(f"{clean(run.run_id)}  {text}")


SHOWN_EVENTS = (ev.StepResult, ev.StepProgress, ev.StepRetry, ev.StepWaiting)


def _runs(count: int) -> str:
    return f"{count:,} interrupted run{'s' * (count != 1)}"
