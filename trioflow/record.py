"""The record of a run: the fold of its events, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from trioflow import events as ev
from trioflow._help import PlainHelp
from trioflow.addresses import Address
from trioflow.context import MISSING
from trioflow.errors import JournalFormatError
from trioflow.step_record import AskRecord, Calls, StepRecord, new_record

_new = object.__new__


def _or_nothing(values: dict[Any, Any] | None) -> dict[Any, Any]:
    return values or {}


@attrs.define
class ForkRecord:
    """What the record of a fork has in addition; see `trioflow.events.Recover`."""

    origin: str
    """Id of the run whose first events it shares."""
    inputs: dict[str, Any] = attrs.field(factory=dict)
    """Replaced inputs of calls, by address."""
    attempts: dict[str, int] = attrs.field(factory=dict)
    """In a retry: how many earlier attempts at a nested workflow do not count, by address."""


@attrs.define
class RunRecord(metaclass=PlainHelp):
    """Everything that the events of a run say so far."""

    run_id: str = ""
    workflow_id: str = ""
    status: ev.RunStatus = "pending"
    input: Any = None
    state: Any = None
    """The state that the steps share."""
    output: Any = None
    error: BaseException | None = None
    reason: str | None = None
    """Why the run was canceled."""
    is_canceled: bool = False
    """Whether the run was canceled, even if it has not finished yet."""
    trace_id: str = ""
    span_id: str | None = None
    """Id of the span of the latest part, if an instrument set one."""
    resource_id: str | None = None
    fork: ForkRecord | None = None
    """The additional data of a fork; None if the run is not a fork."""
    started_at: float | None = None
    ended_at: float | None = None
    usage: Mapping[str, Any] | None = None
    """What language models have used, as the last `Finish` says."""
    deadline: float | None = None
    """When the run fails if it has not finished: seconds since the epoch."""
    next_seq: int = 0
    records: list[StepRecord] = attrs.field(factory=list)
    """The records of all calls and items of a foreach, in order of creation. A call that continues
    gets a new record. Superseded records are removed when the run continues."""
    open: dict[str, StepRecord] = attrs.field(factory=dict)
    """The records of open calls, which have started here and are not closed, by address."""
    is_continued: bool = False
    """Whether there may be calls that are not open and will be re-run."""
    crashes: int = 0
    """How often its process died while bodies were running, since the last recorded outcome."""
    ended_before: int = 0
    """How many calls had ended at the latest of these crashes."""
    unseen: int = 0
    """How many attempts of the calls that start next may have been lost in these crashes, because
    their starts were not on disk; 0 once a call has ended."""
    taken: dict[str, tuple[int, ...]] = attrs.field(factory=dict)
    """The received events that open calls have taken, by address."""

    # Parts that most runs never need are made on first access, because each part of a run that has
    # not started costs the garbage collector time (shortcut `parts-on-demand`).
    _runtime_context: dict[str, Any] | None = attrs.field(default=None, eq=_or_nothing)
    _received: dict[int, ev.EventReceived] | None = attrs.field(default=None, eq=_or_nothing)
    _answers: dict[str, Any] | None = attrs.field(default=None, eq=_or_nothing)
    _deadlines: dict[str, float] | None = attrs.field(default=None, eq=_or_nothing)
    _asks: dict[str, Mapping[str, AskRecord]] | None = attrs.field(default=None, eq=_or_nothing)
    _started_runs: dict[str, tuple[str, ...]] | None = attrs.field(default=None, eq=_or_nothing)
    _private: dict[str, dict[str, Any]] | None = attrs.field(default=None, eq=_or_nothing)
    _calls: Calls | None = attrs.field(default=None, init=False, eq=False, repr=False)
    _steps: Calls | None = attrs.field(default=None, init=False, eq=False, repr=False)

    @property
    def runtime_context(self) -> dict[str, Any]:
        """The runtime context, with the changes of all ended steps. Live and read-only."""
        if self._runtime_context is None:
            self._runtime_context = {}
        return self._runtime_context

    @property
    def received(self) -> dict[int, ev.EventReceived]:
        """Received events that calls may still take, by ``seq``. Live and read-only."""
        if self._received is None:
            self._received = {}
        return self._received

    @property
    def answers(self) -> dict[str, Any]:
        """Answers to calls that have not restarted yet, by address. Live and read-only.

        ``MISSING`` stands for a call that restarts without an answer.
        """
        if self._answers is None:
            self._answers = {}
        return self._answers

    @property
    def inputs(self) -> Mapping[str, Any]:
        """In a fork: replaced inputs of calls, by address."""
        return {} if self.fork is None else self.fork.inputs

    @property
    def earlier(self) -> Mapping[str, int]:
        """In a retry: how many earlier attempts at a nested workflow do not count, by address."""
        return {} if self.fork is None else self.fork.attempts

    @property
    def deadlines(self) -> dict[str, float]:
        """When nested workflows with a ``timeout`` fail, by address. Live and read-only."""
        if self._deadlines is None:
            self._deadlines = {}
        return self._deadlines

    @property
    def asks(self) -> dict[str, Mapping[str, AskRecord]]:
        """The questions of calls, by address of the call and by key. Live and read-only."""
        if self._asks is None:
            self._asks = {}
        return self._asks

    @property
    def started_runs(self) -> dict[str, tuple[str, ...]]:
        """Ids of runs that calls have started, by address of the call. Live and read-only."""
        if self._started_runs is None:
            self._started_runs = {}
        return self._started_runs

    @property
    def private(self) -> dict[str, dict[str, Any]]:
        """Private state of plugins, by namespace and key. Live and read-only."""
        if self._private is None:
            self._private = {}
        return self._private

    def due_at(self) -> float | None:
        """Return when the engine must act on the run; None if there is no such time.

        That is its deadline. While it is suspended, it is also the time at which a question expires
        or a nested workflow reaches its deadline. Seconds since the epoch.
        """
        if self.status in ev.FINISHED_STATUSES:
            return None
        times = [] if self.deadline is None else [self.deadline]
        if self.status == "suspended":
            times += [until for _, _, until in self.expiring()]
            times += self.overdue_calls(None).values()
        return min(times, default=None)

    def expiring(self) -> list[tuple[StepRecord, str, float]]:
        """Return the questions of suspended calls that expire, as ``(call, key, time)``."""
        return [
            (self.calls[address], key, ask.question["until"])
            for address, asks in (self._asks or {}).items()
            if self.calls[address].status == "suspended"
            for key, ask in asks.items()
            if ask.status == "waiting" and ask.question["until"] is not None
        ]

    def overdue_calls(self, at: float | None) -> dict[str, float]:
        """Return the deadlines of suspended nested workflows that have passed at *at*, by address.

        None as *at* stands for all deadlines, passed or not.
        """
        found = {}
        for address, until in (self._deadlines or {}).items():
            record = self.calls.get(address)
            is_waiting = record is not None and record.status == "suspended"
            if is_waiting and (at is None or until <= at):
                found[address] = until
        return found

    @property
    def forked_from(self) -> str | None:
        """Id of the run whose first events a fork shares; None if it is not a fork."""
        return None if self.fork is None else self.fork.origin

    @property
    def calls(self) -> Mapping[str, StepRecord]:
        """Every call by address, including items of a foreach. Live and read-only."""
        if self._calls is None:
            self._calls = Calls(self.records, "address")
        return self._calls

    @property
    def steps(self) -> Mapping[str, StepRecord]:
        """The last call of each step, by id. Live and read-only."""
        if self._steps is None:
            self._steps = Calls(self.records, "id")
        return self._steps

    def before(self, address: str) -> StepRecord | None:
        """Return the earlier record of a call that is about to start or continue, if any."""
        return self.calls.get(address) if self.is_continued else self.open.get(address)

    def apply(self, event: ev.Event) -> None:
        """Fold one more event into the record, as `apply_all` does."""
        self.apply_all((event,))

    def apply_all(self, events: Sequence[ev.Event]) -> None:
        """Fold more events into the record. They must be in the order of ``seq``.

        Raises:
          JournalFormatError: if they cannot be the events of a run: the first one is not its
            `Start`, or an event is missing, duplicated or misplaced. The events before it count.
        """
        for event in events:
            if event.seq < self.next_seq or not self.next_seq or type(event) is ev.Start:
                self._check_place(event)
            try:
                REDUCERS[type(event)](self, event)
            except Exception as exc:  # its class depends on what is missing
                problem = f"{event.type!r} does not follow from the events before it"
                raise JournalFormatError(event.run_id, event.seq, problem) from exc
            self.next_seq = event.seq + 1

    def _check_place(self, event: ev.Event) -> None:
        if event.seq < self.next_seq:
            problem = f"it comes after entry {self.next_seq - 1}"
            raise JournalFormatError(event.run_id, event.seq, problem)
        if isinstance(event, ev.Start) is not (self.next_seq == 0):
            problem = f"the first event is {event.type!r} instead of 'start'"
            if self.next_seq:
                problem = "the run starts a second time"
            raise JournalFormatError(event.run_id, event.seq, problem)


def fold(events: Iterable[ev.Event]) -> RunRecord:
    """Return the record of a run, given its events from the first one on.

    Raises:
      JournalFormatError: if they cannot be the events of a run; see `RunRecord.apply_all`.
    """
    run = RunRecord()
    run.apply_all(tuple(events))
    return run


def merge_state(state: Any, updates: Mapping[str, Any]) -> Any:
    """Return *state* with some keys replaced.

    Supports attrs classes, dataclasses, dicts, and classes for `copy.replace` of Python 3.13.
    """
    if attrs.has(type(state)):
        aliases = {field.name: field.alias for field in attrs.fields(type(state))}
        return attrs.evolve(state, **{aliases.get(key, key): updates[key] for key in updates})
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        return dataclasses.replace(state, **updates)
    if hasattr(type(state), "__replace__"):
        return state.__replace__(**updates)
    return {**(state or {}), **updates}


# ---------------------------------------------------------------- reducers
def _start(run: RunRecord, event: ev.Start) -> None:
    run.run_id = event.run_id
    run.workflow_id = event.workflow_id
    run.status = "running"
    run.input = event.input
    run.state = event.state
    if event.runtime_context:
        run.runtime_context.update(event.runtime_context)
    run.trace_id = event.trace_id
    run.span_id = event.span_id
    run.resource_id = event.resource_id
    run.started_at = event.at
    if event.forked_from is not None:
        run.fork = ForkRecord(event.forked_from)
    run.deadline = event.deadline


def _resume(run: RunRecord, event: ev.Resume) -> None:
    _forget_superseded(run)
    context, answers = run.runtime_context, run.answers
    run.status = "running"
    run.is_continued = True
    context.update(event.runtime_context)
    answers.clear()
    answers.update(dict.fromkeys(event.targets, event.data if event.answered else MISSING))
    run.span_id = event.span_id
    run.output = run.error = run.ended_at = None


def _recover(run: RunRecord, event: ev.Recover) -> None:
    if event.crashed:
        _count_crash(run, event.at)
    _forget_superseded(run)
    run.status = "running"
    run.is_continued = True
    run.open.clear()
    run.span_id = event.span_id
    # Events that open calls had taken are available again, because the calls are re-run.
    run.taken.clear()
    if run.fork is not None:
        run.fork.inputs |= event.inputs
        run.fork.attempts |= event.attempts
        run.answers.update(event.answers)


def _forget_superseded(run: RunRecord) -> None:
    """Remove superseded records; otherwise their number would grow with each round.

    The newest record of each call is put both at its first position, which gives the order of
    calls, and at its last position, which gives the last call of a step.
    """
    newest = dict(run.calls.items())
    if len(newest) == len(run.records):
        return
    last = {record.address: index for index, record in enumerate(run.records)}
    seen: set[str] = set()
    kept = []
    for index, record in enumerate(run.records):
        if record.address not in seen or index == last[record.address]:
            seen.add(record.address)
            kept.append(newest[record.address])
    run.records[:] = kept
    for view in (run._calls, run._steps):
        if view is not None:
            view.begin_anew()


def _count_crash(run: RunRecord, at: float) -> None:
    """Record that the process died; attempts of bodies that were running are lost."""
    running = running_bodies(run, at)
    if not running and _waits(run, at):
        return
    run.crashes = _crashes_in_a_row(run)
    run.ended_before = _count_ended(run)
    run.unseen = 0 if running else run.crashes
    for record in running:
        if record.kind != "foreach":
            record.attempts += 1
            record.lost += 1


def crashes_after(run: RunRecord, at: float) -> int:
    """Return the number of consecutive crashes of a run whose process has died.

    0 if its journal shows that the run was only waiting.
    """
    may_have_run = running_bodies(run, at) or not _waits(run, at)
    return _crashes_in_a_row(run) if may_have_run else 0


def _crashes_in_a_row(run: RunRecord) -> int:
    return run.crashes + 1 if _count_ended(run) == run.ended_before else 1


def _count_ended(run: RunRecord) -> int:
    return sum(record.ended_at is not None for record in run.records)


def running_bodies(run: RunRecord, at: float) -> list[StepRecord]:
    """Return the records of open calls whose bodies are running, as far as the events show.

    Items of a foreach have no start event: an open loop counts as a body.
    """
    return [
        record
        for record in run.open.values()
        if record.status == "running" and record.kind in BODIES and not _is_idle(record, at)
    ]


def _waits(run: RunRecord, at: float) -> bool:
    """Return whether a call waits for a time or an event.

    If not, the next step may have started without its start being on disk.
    """
    return any(r.status == "waiting" or _is_idle(r, at) for r in run.open.values())


def _is_idle(record: StepRecord, at: float) -> bool:
    in_pause = record.paused_until is not None and record.paused_until > at
    return in_pause or record.is_parked


BODIES = ("step", "tool", "map", "foreach")
"""Kinds of calls whose body is user code, or runs user code without an event."""


def _step_start(run: RunRecord, event: ev.StepStart) -> None:
    id, address = event.id, event.address
    # Inlines new_record and RunRecord.before (shortcut `fold-start`).
    record: StepRecord = _new(StepRecord)
    record.id = id
    record.address = address
    record.kind = event.kind
    record.status = "running"
    record.input = event.input
    record.started_at = event.at
    if event.iteration is not None:
        record.iteration = event.iteration
    if event.arms is not None:
        record.arms = event.arms
    before = run.calls.get(address) if run.is_continued else run.open.get(address)
    if run.taken:  # the awaited event belongs to the call now, even if its process dies
        _settle(run, address, for_good=True)
    if before is not None:  # it was suspended or waiting, or its process died
        _continue_call(run, record, before, event)
    elif run.unseen and event.kind in BODIES:
        record.attempts = record.lost = run.unseen
    elif event.resumed:  # in a fork, it starts with an answer
        record.resumed, record.resume_data, record.resumed_at = True, event.resume_data, event.at
    run.open[address] = record
    run.records.append(record)


def _continue_call(
    run: RunRecord, record: StepRecord, before: StepRecord, event: ev.StepStart
) -> None:
    record.started_at = before.started_at
    record.attempts = before.attempts
    if before.lost or before.paused_until is not None:
        record.lost, record.paused_until = before.lost, before.paused_until
    record.round = event.round
    record.suspend_payload, record.suspended_at = before.suspend_payload, before.suspended_at
    record.resumed = before.resumed
    record.resume_data, record.resumed_at = before.resume_data, before.resumed_at
    record.done, record.total = before.done, before.total
    if before.status in ("suspended", "waiting"):
        record.resumed = event.resumed
        record.resume_data, record.resumed_at = event.resume_data, event.at
    run.answers.pop(event.address, None)


def _step_waiting(run: RunRecord, event: ev.StepWaiting) -> None:
    before = run.before(event.address)
    if before is not None and before.kind not in WAITS:  # a step waits in the middle of its body
        before.is_parked, before.event = True, event.event
        return
    if Address.parse(event.address).item is not None:  # so may an item, which has no record yet
        return
    kind: ev.StepKind = "sleep" if event.event is None else "wait"
    record = new_record(event.id, event.address, kind, "waiting", event.input, event.at)
    record.until, record.event = event.until, event.event
    if before is not None:
        record.started_at = before.started_at
    run.open[event.address] = record
    run.records.append(record)


def _step_begin(run: RunRecord, event: ev.StepBegin) -> None:
    record = run.before(event.address)
    if record is not None:
        record.begun_at = event.at


def _step_retry(run: RunRecord, event: ev.StepRetry) -> None:
    record = run.before(event.address)
    if record is not None:  # items of a foreach have none unless they continue
        record.attempts = event.attempt
        record.paused_until = event.at + event.delay


def _step_progress(run: RunRecord, event: ev.StepProgress) -> None:
    state = run.state
    if event.state_updates:  # first, because the class is user code and may raise
        state = merge_state(state, event.state_updates)
    address = f"{event.address}[{event.index}]"
    item = new_record(event.id, address, "item", event.status, None, event.at)
    item.output, item.error, item.ended_at = event.output, event.error, event.at
    item.suspend_payload, item.label = event.payload, event.label
    before = run.calls.get(address) if event.status == "suspended" else run.before(address)
    item.attempts = event.attempts
    if event.status == "suspended":  # the attempt that waits is not over
        item.attempts = max(event.attempts - 1, 0)
        item.lost = min(run.unseen if before is None else before.lost, item.attempts)
    if before is not None:
        item.round = before.round + (before.status == "suspended")
    if event.status == "suspended":
        _take_questions(run, address, event.asks)
        run.is_continued = True
    run.state = state
    _settle(run, address, event.status != "suspended")
    run.unseen = 0
    loop = run.open[event.address]
    loop.done, loop.total = event.done, event.total
    run.records.append(item)
    run.answers.pop(address, None)


def _step_suspended(run: RunRecord, event: ev.StepSuspended) -> None:
    state = run.state
    if event.state_updates:  # first, because the class is user code and may raise
        state = merge_state(state, event.state_updates)
    _take_questions(run, event.address, event.asks)
    run.state = state
    _settle(run, event.address, for_good=False)
    run.is_continued = True
    record = run.open.pop(event.address)
    record.status = "suspended"
    record.suspend_payload = event.payload
    record.suspended_at = event.at
    record.label = event.label


def _take_questions(run: RunRecord, address: str, asks: Mapping[str, ev.Question] | None) -> None:
    """Record the open questions of a call; earlier questions are kept."""
    known = run.asks.get(address) if run._asks else None
    if not asks and not known:
        return
    earlier = {key: _no_longer_new(ask) for key, ask in (known or {}).items()}
    run.asks[address] = earlier | {k: AskRecord(question) for k, question in (asks or {}).items()}


def _no_longer_new(ask: AskRecord) -> AskRecord:
    status = "asked" if ask.status == "waiting" else ask.status
    return attrs.evolve(ask, status=status, is_new=False)


def _step_answered(run: RunRecord, event: ev.StepAnswered) -> None:
    asks = run.asks[event.address]
    answered = attrs.evolve(
        asks[event.key],
        status="expired" if event.expired else "answered",
        answer=event.data,
        answered_at=event.at,
        is_new=True,
    )
    run.asks[event.address] = {**asks, event.key: answered}
    run.answers.pop(event.address, None)  # it does not answer a suspension


def _run_started(run: RunRecord, event: ev.RunStarted) -> None:
    before = run.started_runs.get(event.address, ())
    run.started_runs[event.address] = (*before, event.started)


def _step_deadline(run: RunRecord, event: ev.StepDeadline) -> None:
    run.deadlines[event.address] = event.until


def _step_result(run: RunRecord, event: ev.StepResult) -> None:
    if event.state_updates:  # first, because the class is user code and may raise
        run.state = merge_state(run.state, event.state_updates)
    if run.taken:
        _settle(run, event.address, for_good=True)
    record = run.open[event.address]
    record.status = event.status
    run.unseen = 0
    if event.status == "canceled":
        run.is_continued = True
    record.output = event.output
    record.error = event.error
    record.ended_at = event.at


def _step_finish(run: RunRecord, event: ev.StepFinish) -> None:
    record = run.open.pop(event.address)
    record.attempts = event.attempts
    record.seconds = event.seconds


def fold_end(run: RunRecord, result: ev.StepResult, finish: ev.StepFinish) -> None:
    """Fold both events that end a call, like their reducers above (shortcut `fold-end`)."""
    if result.state_updates:
        run.state = merge_state(run.state, result.state_updates)
    if run.taken:
        _settle(run, result.address, for_good=True)
    record = run.open.pop(result.address)
    record.status = result.status
    if result.status == "canceled":
        run.is_continued = True
    record.output = result.output
    record.error = result.error
    record.ended_at = result.at
    record.attempts = finish.attempts
    record.seconds = finish.seconds
    if run.unseen:
        run.unseen = 0
    run.next_seq += 2


def _settle(run: RunRecord, address: str, for_good: bool) -> None:
    """Release the events that a call has taken; remove them if it will not be re-run."""
    if address in run.taken:
        for seq in run.taken.pop(address):
            if for_good:
                run.received.pop(seq, None)


def _event_received(run: RunRecord, event: ev.EventReceived) -> None:
    run.received[event.seq] = event


def _event_taken(run: RunRecord, event: ev.EventTaken) -> None:
    taker = run.open.get(event.address)
    if taker is not None:
        taker.is_parked = False
    run.taken[event.address] = (*run.taken.get(event.address, ()), event.received)


def _context_update(run: RunRecord, event: ev.ContextUpdate) -> None:
    run.runtime_context.update(event.updates)
    for key in event.removed:
        run.runtime_context.pop(key, None)


def _private_update(run: RunRecord, event: ev.PrivateUpdate) -> None:
    run.private.setdefault(event.namespace, {}).update(event.updates)


def _suspended(run: RunRecord, event: ev.Suspended) -> None:
    run.status = "suspended"


def _paused(run: RunRecord, event: ev.Paused) -> None:
    run.status = "paused"


def _canceled(run: RunRecord, event: ev.Canceled) -> None:
    run.reason = event.reason
    run.is_canceled = True
    if run.status in ev.WAITING_STATUSES:  # it no longer waits: its final event follows
        run.status, run.ended_at = "running", None


def _finish(run: RunRecord, event: ev.Finish) -> None:
    run.status = event.status
    run.output = event.result
    run.error = event.error
    run.usage = event.usage
    run.ended_at = event.at


def _change_nothing(run: RunRecord, event: ev.Event) -> None:
    """Fold an event that does not change the record."""


WAITS = ("sleep", "wait")
"""Kinds of calls that have not started a body."""

REDUCERS: dict[type[ev.Event], Callable[[RunRecord, Any], None]] = {
    **dict.fromkeys(ev.EVENT_TYPES.values(), _change_nothing),
    ev.Start: _start,
    ev.Resume: _resume,
    ev.Recover: _recover,
    ev.StepStart: _step_start,
    ev.StepBegin: _step_begin,
    ev.StepRetry: _step_retry,
    ev.StepWaiting: _step_waiting,
    ev.StepProgress: _step_progress,
    ev.StepSuspended: _step_suspended,
    ev.StepAnswered: _step_answered,
    ev.StepDeadline: _step_deadline,
    ev.RunStarted: _run_started,
    ev.StepResult: _step_result,
    ev.StepFinish: _step_finish,
    ev.EventReceived: _event_received,
    ev.EventTaken: _event_taken,
    ev.ContextUpdate: _context_update,
    ev.PrivateUpdate: _private_update,
    ev.Suspended: _suspended,
    ev.Paused: _paused,
    ev.Canceled: _canceled,
    ev.Finish: _finish,
}
