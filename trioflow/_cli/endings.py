"""Waits for many runs of one engine, and prints a line when one finishes or suspends."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import attrs
import trio

from trioflow import events as ev
from trioflow._cli.display import DRAINING, STOPPING, say
from trioflow._cli.errors import FAILED, SUCCESS
from trioflow._cli.plain import describe
from trioflow._cli.signals import GRACE, REASONS, interruptible
from trioflow._cli.text import clean
from trioflow.engine import Engine
from trioflow.errors import HistoryGap, TrioflowError
from trioflow.events import WAITING_STATUSES
from trioflow.run import Run


@attrs.define(eq=False)
class Endings:
    """Waits for runs, and prints how each one ended."""

    engine: Engine
    has_failed: bool = False
    """Whether a run neither succeeded nor suspended, or could not be saved."""
    awaited: set[str] = attrs.field(factory=set)
    """Ids of the runs that are still awaited."""

    def await_soon(self, run: Run[Any, Any], nursery: trio.Nursery) -> None:
        """Wait for a run in the background."""
        if run.run_id not in self.awaited:
            self.awaited.add(run.run_id)
            nursery.start_soon(self._await_end, run)

    async def _await_end(self, run: Run[Any, Any]) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_show_progress, run)
                status: str = (await run.wait()).status
        except* TrioflowError as group:
            status = f"not saved: {group.exceptions[0]}"
        self.has_failed |= status not in ("success", *WAITING_STATUSES)
        self.print_end(run.run_id, run.workflow_id, status)
        self.awaited.discard(run.run_id)

    def print_end(self, run_id: str, workflow_id: str, what: str) -> None:
        """Print how a run ended."""
        print(clean(f"{run_id}  {workflow_id}  {what}"), flush=True)

    async def stop(self, signum: int, scope: trio.CancelScope) -> None:
        """Stop after a signal: at once for Ctrl-C, otherwise after draining the running steps."""
        at_once = signum == signal.SIGINT
        words = STOPPING if at_once else DRAINING.format(grace=GRACE)
        say(f"{REASONS[signum]}: {words}")
        if not at_once:
            await self.engine.drain(GRACE)
        scope.cancel()


async def _show_progress(run: Run[Any, Any]) -> None:
    """Report the progress of a run on standard error: a line per step, about ten per foreach."""
    with suppress(HistoryGap):
        async with run.observe(run.record.next_seq - 1, on_full="gap") as stream:
            async for event in stream:
                if isinstance(event, SHOWN) and "[" not in event.address:
                    text = describe(event)
                    if text is not None:
                        say(f"{clean(run.run_id)}  {text}")


SHOWN = (ev.StepResult, ev.StepProgress, ev.StepRetry, ev.StepWaiting)
"""The step events that get a line."""


async def until_ended(endings: Endings, work: Callable[[], Awaitable[None]]) -> int:
    """Do *work* unless a signal stops it, and return the exit code."""
    async with trio.open_nursery() as nursery:

        def stop(signum: int) -> None:
            nursery.start_soon(endings.stop, signum, nursery.cancel_scope)

        with interruptible(stop, lambda: "") as interruption:
            await work()
            nursery.cancel_scope.cancel()
    return interruption.exit_code or (FAILED if endings.has_failed else SUCCESS)
