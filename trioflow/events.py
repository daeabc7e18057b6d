"""The facts a run emits, and the grammar they follow.

Events are compared, stored and sent to other processes, so they hold values and never
live objects such as tasks or stores. This module imports only the naming of runs from trioflow.

The grammar
===========

``{x | y}`` is a choice, ``x*`` any number, ``x?`` at most one, ``[x & y]`` any interleaving
in which each part keeps its own order::

    run       = part+
    part      = { start | resume step-answered* | recover } node* end?
    end       = canceled? finish
              | suspended finish?               the run waits for an answer
              | paused finish?                  the run pauses, with per_step=True
    node      = call | block
    block     = [call & call & ...]              arms of parallel and branch
    call      = step-start inner* close          step, tool, map, nested workflow, foreach
              | step-waiting close               sleep, and a wait that timed out
              | step-waiting step-start inner* close     a wait whose event arrived
    inner     = step-begin | step-output | step-retry | step-progress | step-waiting | event-taken
              | step-deadline | run-started | context-update | private-update | tool | node
    tool      = tool-call {tool-call-streaming-start tool-call-delta*}? {tool-result | tool-error}
    close     = step-result step-finish          nothing of the run between the two
              | step-suspended

1. ``start`` is first, ``finish`` is last. ``seq`` is 0, 1, 2, ... without gaps, and ``at`` never
   decreases. A resumed run has several parts; each part continues with the next ``seq``.
   ``event-received`` may occur anywhere in between.
2. Every call that starts is closed, also on failure and cancellation. Its events lie between its
   start and its close, except for ``step-answered``, which occurs while it is suspended. A
   suspended call starts again when it is resumed. Calls that were open when a process died are
   void from ``recover`` on.
3. Tool calls may overlap within a step; the events of each are in order.
4. Node k of a workflow ends, with all its children, before node k+1 starts. Ids of nested calls
   are ``outer.inner``, and their events lie inside the outer call. Nested workflows do not have
   their own ``start`` and ``finish``.
5. The events of different arms may interleave; the events of each arm are in order.
6. A ``foreach`` is one call for the whole loop, with one ``step-progress`` per ended item. Calls
   inside an item lie between the loop's start and its close. A loop (``dowhile``, ``dountil``) has
   one call per iteration. All attempts belong to one call.
7. ``fold(events) == run.record`` at every prefix.

Addresses
=========

Each call has an `StepEvent.address`, such as ``"2:a/0"``, which is the same in every process that
runs the same workflow. `trioflow.addresses` describes and parses addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict

import attrs

from trioflow._ids import original_id

CallStatus = Literal["success", "failed", "canceled", "bailed"]
"""How a step call ended."""
ItemStatus = Literal["success", "failed", "canceled", "bailed", "suspended"]
"""How an item of a foreach ended, or that it is suspended."""
RunStatus = Literal["pending", "running", "success", "failed", "suspended", "paused", "canceled"]
"""The status of a run."""
ACTIVE_STATUSES: tuple[RunStatus, ...] = ("pending", "running")
"""Runs that a process drives, or that wait for a process to drive them."""
WAITING_STATUSES: tuple[RunStatus, ...] = ("suspended", "paused")
"""Runs that wait to be resumed. None of their steps runs."""
FINISHED_STATUSES: tuple[RunStatus, ...] = ("success", "failed", "canceled")
"""Finished runs: their status is final."""
SUCCESS_STATUSES: tuple[CallStatus, ...] = ("success", "bailed")
"""Calls and items that succeeded, and have an output."""
DONE_STATUSES: tuple[CallStatus, ...] = ("success", "failed", "bailed")
"""Calls and items that are not re-run when their run continues; see `StepProgress.done`."""
StepKind = Literal["step", "tool", "workflow", "map", "foreach", "item", "sleep", "wait"]


class Question(TypedDict):
    """A question of ``ctx.ask``, in a form that any process can show and check."""

    label: str | None
    payload: Any
    """The payload passed to ``ctx.ask``."""
    type: str
    """Name of the type of the answer."""
    schema: Mapping[str, Any]
    """JSON Schema of that type."""
    until: float | None
    """When the question expires: seconds since the epoch; None if it never does."""


def payload_of(asks: Mapping[str, Question]) -> Any:
    """Return the payload of a call that suspends with these questions.

    That is the payload of the only question, or the payloads of several by their keys.
    """
    if len(asks) == 1:
        return next(iter(asks.values()))["payload"]
    return {key: question["payload"] for key, question in asks.items()}


# Base classes are not frozen, because the fast classes that fill the slots of an event derive from
# them without that guard; see trioflow._engine.stream.drafts.
@attrs.define(kw_only=True, eq=False, repr=False)
class Event:
    """One thing that happened in a run."""

    type: ClassVar[str]
    run_id: str
    seq: int
    """Sequence number in the run's stream: 0, 1, 2, ... without gaps."""
    at: float
    """When it happened: seconds since the epoch, on the run's clock."""

    # One of each for all events: to make them class by class takes time that every import pays.
    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _names(type(self)))

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in _names(type(self)))))

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in _names(type(self)))
        return f"{type(self).__name__}({', '.join(shown)})"


def _names(event_type: type[Event]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(event_type))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Start(Event):
    """The run starts. The first event of a run, exactly once."""

    type: ClassVar[str] = "start"
    workflow_id: str
    input: Any
    """The input of the run, structured into the type of the workflow."""
    state: Any = None
    """The initial state, structured."""
    runtime_context: Mapping[str, Any] = attrs.field(factory=dict)
    """The runtime context at the start."""
    trace_id: str = ""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    """The ``metadata`` of the tracing options."""
    resource_id: str | None = None
    span_id: str | None = None
    """Id of the span of this part of the run, if an instrument set one."""
    traceparent: str | None = None
    """The W3C header that continues the trace, with the sampling decision, if known."""
    tracestate: str | None = None
    """The W3C header that accompanies *traceparent*."""
    baggage: str | None = None
    """The W3C header with the baggage of the run."""
    by: str | None = None
    """Who started it, if known."""
    forked_from: str | None = None
    """Id of the run that a fork shares its first events with."""
    deadline: float | None = None
    """When the run fails if it has not finished: seconds since the epoch."""


@attrs.define(kw_only=True, eq=False, repr=False)
class StepEvent(Event):
    """An event of one step call."""

    id: str
    """Id of the step; inside nested workflows ``"outer.inner"``."""
    address: str
    """Address of the call in the run, see `trioflow.addresses`."""
    round: int = 0
    """How often the call had been resumed when the event was emitted."""

    @property
    def step_call_id(self) -> str:
        """Id of the call, unique across all runs and the same in a retry of the run."""
        return f"{original_id(self.run_id)}:{self.address}"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepStart(StepEvent):
    """A step call starts. Once per call, not per attempt."""

    type: ClassVar[str] = "step-start"
    input: Any
    """The input of the step, before it was structured into the step's input type."""
    kind: StepKind = "step"
    iteration: int | None = None
    """In a loop: the iteration, counted from 1."""
    resumed: bool = False
    """Whether the call has an answer, or its awaited event has arrived."""
    resume_data: Any = None
    """The answer, or the data of the event; may be None."""
    plugin: str | None = None
    """The plugin that provides the step."""
    arms: tuple[str, ...] | None = None
    """In a branch: the ids of all arms whose condition holds."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepBegin(StepEvent):
    """The body of a call begins, after it has waited: for a limit, a thread, a process or a node.

    Emitted if it waited noticeably. All time since the attempt began, or since the last such event,
    was waiting. A body that begins at once has none, nor has an item of a foreach.
    """

    type: ClassVar[str] = "step-begin"
    attempt: int = 1
    """The attempt that begins, counted from 1."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepRetry(StepEvent):
    """An attempt failed, and another one follows."""

    type: ClassVar[str] = "step-retry"
    attempt: int
    """The attempt that failed, counted from 1."""
    error: BaseException
    delay: float
    """Seconds until the next attempt."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepOutput(StepEvent):
    """A chunk that a step wrote with ``ctx.write``."""

    type: ClassVar[str] = "step-output"
    chunk: Any


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepProgress(StepEvent):
    """An item of a ``foreach`` ended."""

    type: ClassVar[str] = "step-progress"
    index: int
    """Index of the item, counted from 0."""
    done: int
    """How many items have ended, including this one; canceled items do not count."""
    total: int
    status: ItemStatus
    output: Any = None
    error: BaseException | None = None
    state_updates: Mapping[str, Any] | None = None
    """Updates by ``ctx.set_state``, merged into the state with this event."""
    payload: Any = None
    """The payload that the item suspended with."""
    label: str | None = None
    asks: Mapping[str, Question] | None = None
    """The questions that the item waits for, as in `StepSuspended`."""
    attempts: int = 1
    """How many attempts were made; 0 if the item ended before its body ran."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepWaiting(StepEvent):
    """A call sleeps, or waits for an event."""

    type: ClassVar[str] = "step-waiting"
    input: Any = None
    until: float | None = None
    """When the wait ends at the latest: seconds since the epoch, or None for no limit."""
    event: str | None = None
    """Name of the awaited event, or None for a sleep."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepSuspended(StepEvent):
    """A call was suspended. Emitted instead of result and finish."""

    type: ClassVar[str] = "step-suspended"
    payload: Any = None
    """The payload of the suspension, or of the only question, or of all questions by key."""
    label: str | None = None
    state_updates: Mapping[str, Any] | None = None
    """Updates by ``ctx.set_state``, merged into the state with this event."""
    asks: Mapping[str, Question] | None = None
    """The open questions of ``ctx.ask``. The key of each is its label. Questions without a label
    are numbered per call: ``"#1"``, ``"#2"``, ... None if the step has called ``ctx.suspend``."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepAnswered(StepEvent):
    """A question of a suspended call was answered, or has expired. Directly follows `Resume`."""

    type: ClassVar[str] = "step-answered"
    key: str
    """Key of the question, see `StepSuspended.asks`."""
    data: Any = None
    """The answer."""
    expired: bool = False
    """Whether the question expired without an answer, and ``ask`` raises `AskTimeoutError`."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepDeadline(StepEvent):
    """A nested workflow with a ``timeout`` has started."""

    type: ClassVar[str] = "step-deadline"
    until: float
    """When the workflow fails if it has not finished: seconds since the epoch."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RunStarted(StepEvent):
    """A step has started another run with ``ctx.start_run``."""

    type: ClassVar[str] = "run-started"
    started: str
    """Id of that run."""
    workflow_id: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepResult(StepEvent):
    """The outcome of a step call."""

    type: ClassVar[str] = "step-result"
    status: CallStatus
    output: Any = None
    error: BaseException | None = None
    """The exception itself, if *status* is failed. If *status* is success, the error that the
    fallback handled; *output* is then that of the fallback."""
    state_updates: Mapping[str, Any] | None = None
    """Updates by ``ctx.set_state``, merged into the state with this event."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepFinish(StepEvent):
    """A step call has ended. Directly follows its `StepResult`."""

    type: ClassVar[str] = "step-finish"
    attempts: int
    """How many attempts were made; 0 if the call ended before its body ran."""
    seconds: float
    """How long the call took, retries included."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ToolEvent(StepEvent):
    """An event of one tool call; id and address are those of its step."""

    tool_call_id: str
    """Id of this call of the tool. Never reused: a step that runs again makes new calls, with
    new ids."""
    name: str
    """The id of the tool."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolCall(ToolEvent):
    """A tool is called."""

    type: ClassVar[str] = "tool-call"
    args: Mapping[str, Any]
    plugin: str | None = None
    """The plugin that provides the tool."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolCallStreamingStart(ToolEvent):
    """The called tool is a streaming tool; its pieces follow."""

    type: ClassVar[str] = "tool-call-streaming-start"
    args: Mapping[str, Any]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolCallDelta(ToolEvent):
    """One piece that a streaming tool yielded."""

    type: ClassVar[str] = "tool-call-delta"
    args: Mapping[str, Any]
    delta: Any


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolResult(ToolEvent):
    """The tool call succeeded."""

    type: ClassVar[str] = "tool-result"
    output: Any = None
    """The output; None for a tool whose pieces the step iterated over."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolError(ToolEvent):
    """The tool call failed or was canceled."""

    type: ClassVar[str] = "tool-error"
    status: Literal["failed", "canceled"]
    error: BaseException | None = None
    """The exception itself, if *status* is failed."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class EventTaken(StepEvent):
    """A call took an event that it waited for."""

    type: ClassVar[str] = "event-taken"
    event: str
    received: int
    """The ``seq`` of the `EventReceived`."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ContextUpdate(StepEvent):
    """The runtime context has changed since the last `ContextUpdate` or the start."""

    type: ClassVar[str] = "context-update"
    updates: Mapping[str, Any]
    removed: tuple[str, ...] = ()


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PrivateUpdate(StepEvent):
    """A step has recorded private state of a plugin with ``ctx.set_private_state``."""

    type: ClassVar[str] = "private-update"
    namespace: str
    """The plugin, or another name for who reads the keys."""
    updates: Mapping[str, Any]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class EventReceived(Event):
    """An event was sent with ``run.send_event``."""

    type: ClassVar[str] = "event-received"
    event: str
    data: Any = None
    by: str | None = None
    """Who sent it, if known."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Resume(Event):
    """A suspended or paused run continues."""

    type: ClassVar[str] = "resume"
    targets: tuple[str, ...] = ()
    """Addresses of the answered calls."""
    answered: bool = True
    """Whether there is an answer; otherwise the calls are re-run without one."""
    data: Any = None
    """The answer; may be None."""
    runtime_context: Mapping[str, Any] = attrs.field(factory=dict)
    """Entries added to the runtime context."""
    span_id: str | None = None
    """Id of the span of this part of the run, if an instrument set one."""
    by: str | None = None
    """Who answered, if known."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Recover(Event):
    """An interrupted run continues, or a fork begins after the events of its original run.

    Open calls are re-run.
    """

    type: ClassVar[str] = "recover"
    crashed: bool = False
    """Whether its process died; otherwise the run was halted, such as by a closing engine."""
    span_id: str | None = None
    """Id of the span of this part of the run, if an instrument set one."""
    inputs: Mapping[str, Any] = attrs.field(factory=dict)
    """In a fork: replaced inputs of calls, by address."""
    answers: Mapping[str, Any] = attrs.field(factory=dict)
    """In a fork: answers to calls, by address."""
    attempts: Mapping[str, int] = attrs.field(factory=dict)
    """In a retry: how many earlier attempts at a nested workflow do not count, by its address."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Suspended(Event):
    """The run is suspended until it gets an answer. None of its steps runs."""

    type: ClassVar[str] = "suspended"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Paused(Event):
    """The run has paused after one step, as requested. None of its steps runs."""

    type: ClassVar[str] = "paused"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Canceled(Event):
    """The run was canceled. Once, before `Finish`."""

    type: ClassVar[str] = "canceled"
    reason: str | None = None
    by: str | None = None
    """Who canceled it, if known."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Finish(Event):
    """The run has finished. The last event, exactly once."""

    type: ClassVar[str] = "finish"
    status: RunStatus
    result: Any = None
    error: BaseException | None = None
    usage: Any = None
    """What language models have used, as a plugin counts it: a mapping with ``inputTokens``,
    ``outputTokens``, ``totalTokens``, ``cost`` and so on; None if no plugin counts anything."""


EVENT_TYPES: dict[str, type[Event]] = {
    cls.type: cls
    for cls in (
        Start,
        StepStart,
        StepBegin,
        StepRetry,
        StepOutput,
        StepProgress,
        StepWaiting,
        StepSuspended,
        StepAnswered,
        StepDeadline,
        RunStarted,
        StepResult,
        StepFinish,
        ToolCall,
        ToolCallStreamingStart,
        ToolCallDelta,
        ToolResult,
        ToolError,
        EventTaken,
        ContextUpdate,
        PrivateUpdate,
        EventReceived,
        Resume,
        Recover,
        Suspended,
        Paused,
        Canceled,
        Finish,
    )
}
"""Every event class by its type."""

AnyEvent: TypeAlias = (
    Start
    | StepStart
    | StepBegin
    | StepRetry
    | StepOutput
    | StepProgress
    | StepWaiting
    | StepSuspended
    | StepAnswered
    | StepDeadline
    | RunStarted
    | StepResult
    | StepFinish
    | ToolCall
    | ToolCallStreamingStart
    | ToolCallDelta
    | ToolResult
    | ToolError
    | EventTaken
    | ContextUpdate
    | PrivateUpdate
    | EventReceived
    | Resume
    | Recover
    | Suspended
    | Paused
    | Canceled
    | Finish
)
"""Any event of a run; lets a type checker find missing cases of a ``match``."""
