"""Watches a run or its next part: shows it, stops it on a signal, and reports how it ended."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import trio

from trioflow import events as ev
from trioflow._cli.display import DRAINING, STOPPING, Display, can_draw, say
from trioflow._cli.errors import BROKEN_PIPE, SUCCESS, exit_code
from trioflow._cli.failures import canceled_steps, explain_failure
from trioflow._cli.hints import how_to_answer, how_to_resume, how_to_try_again
from trioflow._cli.jsonl import JsonDisplay
from trioflow._cli.output import Output, forget_terminal, is_hangup
from trioflow._cli.places import ArmOrder
from trioflow._cli.plain import PlainDisplay
from trioflow._cli.signals import CLOSED, GRACE, REASONS, interruptible
from trioflow._cli.stores import Whereabouts
from trioflow._cli.text import clean
from trioflow._cli.values import preview
from trioflow._engine.life.ending import halt, settle
from trioflow._engine.planning.fingerprint import fingerprint
from trioflow.errors import HistoryGap
from trioflow.events import ACTIVE_STATUSES
from trioflow.instruments._tasks import dump
from trioflow.results import RunResult
from trioflow.run import Run, RunStream
from trioflow.step_record import StepRecord

if TYPE_CHECKING:
    from cattrs import Converter

UNREAD = "the reader of the output has gone"
OpenStream: TypeAlias = Callable[[], AbstractAsyncContextManager[RunStream[Any]]]


async def watch(
    open_stream: OpenStream, display: Display, whereabouts: Whereabouts | None = None
) -> int:
    """Run a part of a run, show it and its output, and return the exit code.

    Args:
      open_stream: Opens the stream of that part.
      display: Shows it.
      whereabouts: The store of the run. With a store, a signal halts the run instead of
        canceling it, so that it can be resumed.
    """
    watcher = Watcher(display, whereabouts)
    signals = interruptible(watcher.stop, watcher.what_runs)
    with signals as interruption, watcher.opening:
        async with open_stream() as stream:
            await watcher.follow(stream)
    result = watcher.result
    if result is None:
        return interruption.exit_code or BROKEN_PIPE
    if result.status == "success":
        with watcher.unless_closed():
            await display.show_result(result.output)
        return SUCCESS
    watcher.report(result)
    return interruption.exit_code or exit_code(result)


@attrs.define(eq=False)
class Watcher:
    """Shows a part of a run, and stops it on a signal or if the reader has gone."""

    display: Display
    whereabouts: Whereabouts | None
    opening: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    """Canceled if the run is to be stopped before its stream is open."""
    result: RunResult[Any] | None = None
    """How the part ended; None if the reader has gone."""
    _run: Run[Any, Any] | None = None
    _halted: str | None = None
    """Why the run was halted, if it was."""
    _end_of_journal: float = math.inf
    """The ``seq`` of the first event that is not in the journal, since the run was halted."""
    _is_unread: bool = False
    _draining: str | None = None
    """Why the run is draining, if it is: running steps may finish, but no new step starts."""
    _drain: trio.Event = attrs.field(factory=trio.Event)

    def stop(self, signum: int) -> None:
        """Stop the run after a signal: at once for Ctrl-C, otherwise after draining it."""
        reason, at_once = REASONS[signum], signum == signal.SIGINT
        words = STOPPING if at_once else DRAINING.format(grace=GRACE)
        self.display.stopping(f"{reason}: {words}", for_good=self.whereabouts is None)
        if self._run is None:
            self.opening.cancel()
        elif at_once:
            self._end(self._run, reason)
        else:
            self._drain_soon(reason)

    def _drain_soon(self, reason: str) -> None:
        self._draining = self._draining or reason
        self._drain.set()

    async def _drain_when_asked(self, run: Run[Any, Any]) -> None:
        await self._drain.wait()
        await settle(run._life, GRACE)
        self._end(run, self._draining or "")

    def what_runs(self) -> str:
        """Return what the tasks of the run wait for."""
        return "" if self._run is None else clean(dump(self._run)) + "\n"

    async def follow(self, stream: RunStream[Any]) -> None:
        """Show every event, until the run finishes or suspends."""
        self._run = stream.run
        await self.display.recall(await _earlier_events(stream.run))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._drain_when_asked, stream.run)
            await self._show_attended(stream)
            result = await stream.get_workflow_state()
            nursery.cancel_scope.cancel()
        self.result = None if self._is_unread else result

    async def _show_attended(self, stream: RunStream[Any]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._attend, stream.run)
            try:
                await self._show(stream)
            except BrokenPipeError:
                self._is_unread = True
                self._end(stream.run, UNREAD)
            except BaseException:
                self._end(stream.run, "the display failed")
                raise
            nursery.cancel_scope.cancel()

    async def _show(self, stream: RunStream[Any]) -> None:
        with self.unless_closed(), self.display.shown():
            async for event in stream:
                if event.seq < self._end_of_journal:
                    with self.unless_closed():
                        await self.display.show(event)

    async def _attend(self, run: Run[Any, Any]) -> None:
        with self.unless_closed():
            await self.display.attend()
            self._is_unread = True
            self._end(run, UNREAD)

    @contextmanager
    def unless_closed(self) -> Iterator[None]:
        """Continue without a display if its terminal was closed, and drain the run."""
        try:
            yield
        except OSError as exc:
            if not is_hangup(exc):
                raise
            forget_terminal()
            self._is_unread = True
            self._drain_soon(CLOSED)

    def _end(self, run: Run[Any, Any], reason: str) -> None:
        """Stop the run if it is active: halt it if it has a store, otherwise cancel it."""
        if run.status not in ACTIVE_STATUSES:
            return
        if self.whereabouts is None:
            run.cancel(reason)
        elif self._halted is None:
            self._halted, self._end_of_journal = reason, run.record.next_seq
            halt(run._life)

    def report(self, result: RunResult[Any]) -> None:
        """Report how the part ended if it did not succeed, and how to continue."""
        if self.whereabouts is not None and result.status == "canceled" and self._halted:
            stopped = ", ".join(canceled_steps(result)) or "nothing was running"
            say(clean(f"{self._halted}; stopped: {stopped}"))
            how_to_resume(self.whereabouts, result.run_id)
        else:
            report(result, self._run.record.calls.values() if self._run else ())
        if result.status == "suspended" and self._run:
            if self.whereabouts is None or not self.whereabouts.lasts:
                say("the run is lost; use --store to be able to resume runs")
            else:
                how_to_answer(self.whereabouts, self._run.record)
        if self.whereabouts is not None and result.status == "failed":
            how_to_try_again(self.whereabouts, result)


async def _earlier_events(run: Run[Any, Any]) -> Sequence[ev.Event]:
    """Return the events before the part that begins; only a start event if there are many."""
    try:
        async with run.observe(on_full="gap") as held:
            count = held.statistics().current_buffer_used
            earlier = [await held.receive() for _ in range(count)]
    except HistoryGap:
        state = run.record
        start = ev.Start(
            run_id=state.run_id,
            seq=0,
            at=state.started_at or 0.0,
            workflow_id=state.workflow_id,
            input=state.input,
        )
        return [start]
    while earlier and not isinstance(earlier.pop(), ev.Resume | ev.Recover):
        pass
    return earlier


def choose_display(exclusive: Output | None, converter: Converter, run: Run[Any, Any]) -> Display:
    """Choose the display of a run: by the options, and by where the output goes."""
    if exclusive is not None:
        return JsonDisplay(exclusive, converter)
    if can_draw(sys.stdout):
        from trioflow._cli.live import LiveDisplay

        order = ArmOrder.read(fingerprint(run._life.plan))
        return LiveDisplay(converter, order=order)
    return PlainDisplay(Output(sys.stdout.fileno(), sys.stdout.encoding), converter)


def report(result: RunResult[Any], calls: Iterable[StepRecord] = ()) -> None:
    """Report on standard error how a run ended that did not succeed."""
    match result.status:
        case "failed":
            text = explain_failure(result, calls)
        case "canceled":
            stopped = ", ".join(canceled_steps(result)) or "nothing was running"
            text = f"{result.reason or 'the run was canceled'}; canceled: {stopped}"
        case _:
            places = ", ".join(".".join(path) for path in result.suspended)
            text = f"suspended at {places}: {preview(result.suspend_payload)}"
    say(clean(text))
