"""The instrument that writes metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
from opentelemetry.metrics import Meter

from trioflow import events as ev
from trioflow.abc import BodyInfo, Instrument, PartInfo, TickRecord, WorkReport
from trioflow.addresses import Address
from trioflow_otel import attributes as a
from trioflow_otel.errors import error_type
from trioflow_otel.losses import Losses
from trioflow_otel.part import HALTED
from trioflow_otel.texts import Attributes, Texts
from trioflow_otel.ticking import TickMetering

DURATION = "trioflow.step.duration"
ACTIVE = "trioflow.run.active"
DROPPED = "trioflow.observer.dropped_events"
BLOCKED = "trioflow.run.blocked_time"
TAKEN = "trioflow.worker.taken_runs"
LOST = "trioflow.worker.lost_claims"
WAITING = "trioflow.queue.waiting_runs"
OLDEST = "trioflow.queue.oldest_waiting"
QUEUE = "trioflow.queue"


@attrs.define(eq=False)
class MeteredRun:
    """An active run."""

    about: Attributes
    open_calls: dict[str, tuple[float, str]] = attrs.field(factory=dict)
    """Start times and kinds of calls, by address."""
    is_active: bool = False
    is_halted: bool = False


class Metering(Instrument):
    """Measures durations of steps and waits for readers; counts runs and dropped events."""

    def __init__(self, meter: Meter) -> None:
        self._durations = meter.create_histogram(
            DURATION, "s", "Duration of step calls, including retries"
        )
        self._active = meter.create_up_down_counter(ACTIVE, "{run}", "Active runs")
        self._dropped = meter.create_counter(
            DROPPED, "{event}", "Events that slow observers missed"
        )
        self._blocked = meter.create_histogram(
            BLOCKED, "s", "Time that tasks of runs waited for readers"
        )
        self._taken = meter.create_counter(TAKEN, "{run}", "Runs that a worker took")
        self._lost = meter.create_counter(LOST, "{claim}", "Claims that an engine lost")
        self._waiting = meter.create_gauge(WAITING, "{run}", "Runs that wait for a worker")
        self._oldest = meter.create_gauge(OLDEST, "s", "Age of the oldest run that waits")
        self._queues: set[str] = set()
        """The queues that have been measured: an empty one is not listed."""
        self._ticks = TickMetering(meter)
        self._runs: dict[str, MeteredRun] = {}
        self._texts = Texts()
        self._losses = Losses()

    def on_begin(self, part: PartInfo) -> None:
        """Remember the workflow of the run."""
        about = self._texts.known({a.WORKFLOW: part.workflow_id})
        self._runs[part.run_id] = MeteredRun(about)

    def on_halt(self, run_id: str) -> None:
        """Remember that what ends from now on is halted, not canceled."""
        run = self._runs.get(run_id)
        if run is not None:
            run.is_halted = True

    def around_body(self, body: BodyInfo) -> None:
        """Remember when an item of a foreach starts, because it has no start event."""
        run = self._runs.get(body.run_id)
        if run is None or body.tool_call_id is not None:
            return
        if Address.parse(body.address).item is not None:
            run.open_calls.setdefault(body.address, (body.at, "item"))

    def on_event(self, event: ev.Event) -> None:
        """Record the measurements that the event completes."""
        handler = _HANDLERS.get(type(event))
        run = self._runs.get(event.run_id)
        if handler is None or run is None:
            return
        try:
            handler(self, run, event)
        except Exception as error:  # of a reader or view of the program
            self._losses.report("a measurement", error)

    def on_tick(self, record: TickRecord) -> None:
        """Count what became of a tick."""
        self._ticks.count(record)

    def on_gap(self, event: ev.Event) -> None:
        """Count an event that an observer missed."""
        self._dropped.add(1, self._about(event.run_id))

    def on_blocked(self, run_id: str, seconds: float) -> None:
        """Record a wait for readers."""
        self._blocked.record(seconds, self._about(run_id))

    def on_work(self, report: WorkReport) -> None:
        """Count what a worker took and lost, and measure the queues."""
        self._taken.add(report.taken)
        self._lost.add(report.lost)
        if report.queues is None:
            return
        found = {each.queue: each for each in report.queues}
        self._queues |= found.keys()
        now = time.time()
        for queue in self._queues:
            about, each = self._texts.known({QUEUE: queue}), found.get(queue)
            self._waiting.set(0 if each is None else each.waiting, about)
            self._oldest.set(0.0 if each is None else max(0.0, now - each.oldest), about)

    def _about(self, run_id: str) -> Attributes:
        run = self._runs.get(run_id)
        return {} if run is None else run.about

    # ------------------------------------------------------------ events
    def _on_beginning(self, run: MeteredRun, event: ev.Start | ev.Resume | ev.Recover) -> None:
        run.is_active = True
        self._active.add(1, run.about)

    def _on_end(self, run: MeteredRun, event: ev.Suspended | ev.Paused | ev.Finish) -> None:
        del self._runs[event.run_id]
        if run.is_active:
            self._active.add(-1, run.about)

    def _on_step_start(self, run: MeteredRun, event: ev.StepStart) -> None:
        begun = run.open_calls.get(event.address)  # it may have started with a wait
        run.open_calls[event.address] = begun[0] if begun else event.at, event.kind

    def _on_waiting(self, run: MeteredRun, event: ev.StepWaiting) -> None:
        kind = "sleep" if event.event is None else "wait"
        run.open_calls.setdefault(event.address, (event.at, kind))

    def _on_result(self, run: MeteredRun, event: ev.StepResult) -> None:
        self._measure(run, event.address, event, event.status, event.error)

    def _on_suspended(self, run: MeteredRun, event: ev.StepSuspended) -> None:
        self._measure(run, event.address, event, "suspended", None)

    def _on_progress(self, run: MeteredRun, event: ev.StepProgress) -> None:
        address = str(Address.parse(event.address).with_item(event.index))
        self._measure(run, address, event, event.status, event.error)

    def _measure(
        self,
        run: MeteredRun,
        address: str,
        event: ev.StepEvent,
        status: str,
        error: BaseException | None,
    ) -> None:
        begun_at, kind = run.open_calls.pop(address, (event.at, "item"))
        if run.is_halted and status == "canceled":
            status = HALTED
        step = {a.STEP: event.id, a.STEP_KIND: kind, a.STEP_STATUS: status}
        about = {**run.about, **self._texts.known(step)}
        if status == "failed":
            about[a.ERROR_TYPE] = error_type(error)
        self._durations.record(event.at - begun_at, about)


_HANDLERS: dict[type[ev.Event], Callable[[Metering, MeteredRun, Any], None]] = {
    ev.Start: Metering._on_beginning,
    ev.Resume: Metering._on_beginning,
    ev.Recover: Metering._on_beginning,
    ev.StepStart: Metering._on_step_start,
    ev.StepWaiting: Metering._on_waiting,
    ev.StepResult: Metering._on_result,
    ev.StepSuspended: Metering._on_suspended,
    ev.StepProgress: Metering._on_progress,
    ev.Suspended: Metering._on_end,
    ev.Paused: Metering._on_end,
    ev.Finish: Metering._on_end,
}
