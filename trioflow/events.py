"""The facts a run emits, and the grammar they follow.

Events are compared, stored and sent to other processes, so they hold values and never
live objects such as tasks or stores. This module imports nothing of trioflow but how runs are
named.

The grammar
===========

``{x | y}`` is a choice, ``x*`` any number, ``x?`` at most one, ``[x & y]`` any interleaving
in which each part keeps its own order::

    run       = part+
    part      = { start | resume step-answered* | recover } node* end?
    end       = canceled? finish
              | suspended finish?               the run waits for an answer
              | paused finish?                  the run was asked to stop after a step
    node      = call | block
    block     = [call & call & ...]              arms of parallel and branch
    call      = step-start inner* close          step, tool, map, nested workflow, foreach
              | step-waiting close               sleep, and a wait that timed out
              | step-waiting step-start inner* close     a wait whose event came
    inner     = step-output | step-retry | step-progress | step-waiting | event-taken
              | step-deadline | run-started | context-update | tool | node
    tool      = tool-call {tool-call-streaming-start tool-call-delta*}? {tool-result | tool-error}
    close     = step-result step-finish          nothing of the run between the two
              | step-suspended

1. ``start`` is first, ``finish`` last and nothing comes after it; ``seq`` is 0, 1, 2, ...
   without gaps and ``at`` never goes back. A run that was resumed has several parts; the
   next part goes on with the next ``seq``. ``event-received`` may stand anywhere between.
2. Every call that starts is closed, also on failure and cancellation, and what belongs to
   it lies between its start and its close, except that ``step-answered`` comes while it is
   suspended. A call that was suspended starts again when it is resumed; calls that were open when
   a process died are void from ``recover`` on.
3. Tool calls may overlap each other within a step; each is in order in itself.
4. Node k of a workflow is over, with all its children, before node k+1 starts. Ids of
   nested calls are ``outer.inner`` and lie inside the outer call. Nested workflows have no
   ``start`` and ``finish`` of their own.
5. Arms are unordered among themselves, each is ordered in itself.
6. A ``foreach`` is one call for the whole loop with one ``step-progress`` per item that
   ended; calls inside an item lie between the loop's start and its close. A loop
   (``dowhile``, ``dountil``) has a call per iteration. Attempts stay inside one call.
7. ``fold(events) == run.record`` at every prefix.

Addresses
=========

Each call has an `StepEvent.address`, such as ``"2:a/0"``, that is the same in every process that
runs the same workflow. `trioflow.addresses` says how addresses are written and takes them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict

import attrs

from trioflow._ids import original_id

CallStatus = Literal["success", "failed", "canceled", "bailed"]
"""How a step call ended."""
ItemStatus = Literal["success", "failed", "canceled", "bailed", "suspended"]
"""How an item of a foreach ended, or that it waits for an answer."""
RunStatus = Literal["pending", "running", "success", "failed", "suspended", "paused", "canceled"]
"""Where a run is."""
ACTIVE_STATUSES: tuple[RunStatus, ...] = ("pending", "running")
"""Of runs that a process drives, or that wait for one to do so."""
WAITING_STATUSES: tuple[RunStatus, ...] = ("suspended", "paused")
"""Of runs that wait to be resumed. Nothing of them runs."""
FINISHED_STATUSES: tuple[RunStatus, ...] = ("success", "failed", "canceled")
"""Of runs that are over: their status stays."""
SUCCESS_STATUSES: tuple[CallStatus, ...] = ("success", "bailed")
"""Of calls and items that ended well, and have an output."""
DONE_STATUSES: tuple[CallStatus, ...] = ("success", "failed", "bailed")
"""Of calls and items that do not run again when their run continues; see `StepProgress.done`."""
StepKind = Literal["step", "tool", "workflow", "map", "foreach", "item", "sleep", "wait"]


class Question(TypedDict):
    """What ``ctx.ask`` wants to know, in a form that any process can show and check."""

    label: str | None
    payload: Any
    """What the body tells about it."""
    type: str
    """Name of the type of the answer."""
    schema: Mapping[str, Any]
    """JSON Schema of that type."""
    until: float | None
    """When the question expires: seconds since the epoch; None if it never does."""


def payload_of(asks: Mapping[str, Question]) -> Any:
    """Return what a call with these questions suspends with: the payload of the only one, else
    the payloads by their keys."""
    if len(asks) == 1:
        return next(iter(asks.values()))["payload"]
    return {key: question["payload"] for key, question in asks.items()}


# The classes that only others derive from are not frozen themselves: what fills the slots of an
# event quickly must be able to derive from them without the guard, see
# trioflow._engine.stream.drafts.
@attrs.define(kw_only=True)
class Event:
    """One thing that happened in a run."""

    type: ClassVar[str]
    run_id: str
    seq: int
    """Position in the run's stream: 0, 1, 2, ... without gaps."""
    at: float
    """When it happened: seconds since the epoch, on the run's clock."""


@attrs.frozen(kw_only=True)
class Start(Event):
    """The run begins. The first event of a run, once."""

    type: ClassVar[str] = "start"
    workflow_id: str
    input: Any
    """What `Run.stream` was given, before it was structured."""
    state: Any = None
    """The initial state, structured."""
    runtime_context: Mapping[str, Any] = attrs.field(factory=dict)
    """The runtime context as it was at the start."""
    trace_id: str = ""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    """The ``metadata`` of the tracing options."""
    resource_id: str | None = None
    span_id: str | None = None
    """Id of the span of this part of the run, if an instrument gave it one."""
    by: str | None = None
    """Who started it, if that was said."""
    forked_from: str | None = None
    """Id of the run that a fork shares its first events with."""
    deadline: float | None = None
    """When the run ends as failed if it has not finished: seconds since the epoch."""


@attrs.define(kw_only=True)
class StepEvent(Event):
    """Something that belongs to one step call."""

    id: str
    """Id of the step; inside nested workflows ``"outer.inner"``."""
    address: str
    """Place of the call in the run, see `trioflow.addresses`."""
    round: int = 0
    """How often the call had been resumed before."""

    @property
    def step_call_id(self) -> str:
        """Name of the call, unique over all runs and the same in a retry of the run."""
        return f"{original_id(self.run_id)}:{self.address}"


@attrs.frozen(kw_only=True)
class StepStart(StepEvent):
    """A step call begins. Once per call, not per attempt."""

    type: ClassVar[str] = "step-start"
    input: Any
    """What the step was given, before it was structured into the step's input type."""
    kind: StepKind = "step"
    iteration: int | None = None
    """In a loop: which iteration, counted from 1."""
    resumed: bool = False
    """Whether the call has an answer, or the event that it waited for has come."""
    resume_data: Any = None
    """The answer, or the data of the event; None may be one."""
    plugin: str | None = None
    """The plugin that provides the step."""
    arms: tuple[str, ...] | None = None
    """In a branch: the ids of all arms whose condition holds."""


@attrs.frozen(kw_only=True)
class StepRetry(StepEvent):
    """An attempt failed and another will follow."""

    type: ClassVar[str] = "step-retry"
    attempt: int
    """The attempt that failed, counted from 1."""
    error: BaseException
    delay: float
    """Seconds until the next attempt."""


@attrs.frozen(kw_only=True)
class StepOutput(StepEvent):
    """A chunk that a step wrote with ``ctx.write``."""

    type: ClassVar[str] = "step-output"
    chunk: Any


@attrs.frozen(kw_only=True)
class StepProgress(StepEvent):
    """An item of a ``foreach`` ended."""

    type: ClassVar[str] = "step-progress"
    index: int
    """Which item, counted from 0."""
    done: int
    """How many items have ended, this one included; canceled ones do not count."""
    total: int
    status: ItemStatus
    output: Any = None
    error: BaseException | None = None
    state_updates: Mapping[str, Any] | None = None
    """What the item set with ``ctx.set_state``; merged into the state with this event."""
    payload: Any = None
    """What the item suspended with."""
    label: str | None = None
    asks: Mapping[str, Question] | None = None
    """The questions that the item waits for, as in `StepSuspended`."""
    attempts: int = 1
    """How many attempts were made; 0 if the item ended before its body ran."""


@attrs.frozen(kw_only=True)
class StepWaiting(StepEvent):
    """A call sleeps, or waits for an event."""

    type: ClassVar[str] = "step-waiting"
    input: Any = None
    until: float | None = None
    """When it goes on at the latest: seconds since the epoch, or None for no limit."""
    event: str | None = None
    """The name of the event that is waited for, or None for a sleep."""


@attrs.frozen(kw_only=True)
class StepSuspended(StepEvent):
    """A call stopped for an answer; instead of result and finish."""

    type: ClassVar[str] = "step-suspended"
    payload: Any = None
    """What the step suspended with; of questions the payload of the only one, or all by key."""
    label: str | None = None
    state_updates: Mapping[str, Any] | None = None
    """What the step set with ``ctx.set_state``; merged into the state with this event."""
    asks: Mapping[str, Question] | None = None
    """The questions of ``ctx.ask`` that it waits for. The key of each is its label, or else its
    number among the questions of the call without a label: ``"#1"``, ``"#2"``, ... None if the
    step has called ``ctx.suspend``."""


@attrs.frozen(kw_only=True)
class StepAnswered(StepEvent):
    """A question of a suspended call was answered, or has expired. Directly follows `Resume`."""

    type: ClassVar[str] = "step-answered"
    key: str
    """Which question, see `StepSuspended.asks`."""
    data: Any = None
    """The answer."""
    expired: bool = False
    """Whether there is no answer, and the ask raises `AskTimeoutError`."""


@attrs.frozen(kw_only=True)
class StepDeadline(StepEvent):
    """A nested workflow with a ``timeout`` has begun."""

    type: ClassVar[str] = "step-deadline"
    until: float
    """When it fails if it has not finished: seconds since the epoch."""


@attrs.frozen(kw_only=True)
class RunStarted(StepEvent):
    """A step has started another run with ``ctx.start_run``."""

    type: ClassVar[str] = "run-started"
    started: str
    """Id of that run."""
    workflow_id: str


@attrs.frozen(kw_only=True)
class StepResult(StepEvent):
    """What became of a step call."""

    type: ClassVar[str] = "step-result"
    status: CallStatus
    output: Any = None
    error: BaseException | None = None
    """The exception itself, if *status* is failed. If it is success, the *output* is that of the
    fallback, and this is why."""
    state_updates: Mapping[str, Any] | None = None
    """What the step set with ``ctx.set_state``; merged into the state with this event."""


@attrs.frozen(kw_only=True)
class StepFinish(StepEvent):
    """A step call is over. Directly follows its `StepResult`."""

    type: ClassVar[str] = "step-finish"
    attempts: int
    """How many attempts were made; 0 if the call ended before its body ran."""
    seconds: float
    """How long the call took, retries included."""


@attrs.define(kw_only=True)
class ToolEvent(StepEvent):
    """Something that belongs to one tool call; id and address are those of its step."""

    tool_call_id: str
    """Names the call of the tool. Another one each time: a step that is made again, or goes on
    after it was suspended, makes other calls."""
    name: str
    """The id of the tool."""


@attrs.frozen(kw_only=True)
class ToolCall(ToolEvent):
    """A tool is called."""

    type: ClassVar[str] = "tool-call"
    args: Mapping[str, Any]
    plugin: str | None = None
    """The plugin that provides the tool."""


@attrs.frozen(kw_only=True)
class ToolCallStreamingStart(ToolEvent):
    """The tool is a streaming one; its pieces follow."""

    type: ClassVar[str] = "tool-call-streaming-start"
    args: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class ToolCallDelta(ToolEvent):
    """One piece that a streaming tool yielded."""

    type: ClassVar[str] = "tool-call-delta"
    args: Mapping[str, Any]
    delta: Any


@attrs.frozen(kw_only=True)
class ToolResult(ToolEvent):
    """The tool call ended well."""

    type: ClassVar[str] = "tool-result"
    output: Any = None
    """The result; None for a tool whose pieces the step took one by one."""


@attrs.frozen(kw_only=True)
class ToolError(ToolEvent):
    """The tool call failed or was canceled."""

    type: ClassVar[str] = "tool-error"
    status: Literal["failed", "canceled"]
    error: BaseException | None = None
    """The exception itself, if *status* is failed."""


@attrs.frozen(kw_only=True)
class EventTaken(StepEvent):
    """A call took an event that it was waiting for."""

    type: ClassVar[str] = "event-taken"
    event: str
    received: int
    """The ``seq`` of the `EventReceived`."""


@attrs.frozen(kw_only=True)
class ContextUpdate(StepEvent):
    """The runtime context has changed since the last such event or the start."""

    type: ClassVar[str] = "context-update"
    updates: Mapping[str, Any]
    removed: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class EventReceived(Event):
    """An event came from outside, with ``run.send_event``."""

    type: ClassVar[str] = "event-received"
    event: str
    data: Any = None
    by: str | None = None
    """Who sent it, if that was said."""


@attrs.frozen(kw_only=True)
class Resume(Event):
    """A run that was suspended or paused goes on."""

    type: ClassVar[str] = "resume"
    targets: tuple[str, ...] = ()
    """Addresses of the calls that were given an answer."""
    answered: bool = True
    """Whether there was an answer; else the calls are made again without one."""
    data: Any = None
    """The answer; None may be one."""
    runtime_context: Mapping[str, Any] = attrs.field(factory=dict)
    """Entries that the runtime context was given in addition."""
    span_id: str | None = None
    """Id of the span of this part of the run, if an instrument gave it one."""
    by: str | None = None
    """Who answered, if that was said."""


@attrs.frozen(kw_only=True)
class Recover(Event):
    """A run that was interrupted continues, or a fork begins where it leaves the old run.

    Calls that were open are made again.
    """

    type: ClassVar[str] = "recover"
    crashed: bool = False
    """Whether its process died; else the run was halted, as by an engine that closes."""
    span_id: str | None = None
    """Id of the span of this part of the run, if an instrument gave it one."""
    inputs: Mapping[str, Any] = attrs.field(factory=dict)
    """In a fork: other inputs for calls, by address."""
    answers: Mapping[str, Any] = attrs.field(factory=dict)
    """In a fork: answers to calls, by address."""
    attempts: Mapping[str, int] = attrs.field(factory=dict)
    """In a retry: how many attempts at a nested workflow do not count any more, by its address."""


@attrs.frozen(kw_only=True)
class Suspended(Event):
    """The run waits for an answer. Nothing of it runs."""

    type: ClassVar[str] = "suspended"


@attrs.frozen(kw_only=True)
class Paused(Event):
    """The run was asked to stop after one step, and has. Nothing of it runs."""

    type: ClassVar[str] = "paused"


@attrs.frozen(kw_only=True)
class Canceled(Event):
    """The run was canceled. Once, before `Finish`."""

    type: ClassVar[str] = "canceled"
    reason: str | None = None
    by: str | None = None
    """Who canceled it, if that was said."""


@attrs.frozen(kw_only=True)
class Finish(Event):
    """The run is over. The last event, once."""

    type: ClassVar[str] = "finish"
    status: RunStatus
    result: Any = None
    error: BaseException | None = None


EVENT_TYPES: dict[str, type[Event]] = {
    cls.type: cls
    for cls in (
        Start,
        StepStart,
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
        EventReceived,
        Resume,
        Recover,
        Suspended,
        Paused,
        Canceled,
        Finish,
    )
}
"""Every event class under its type."""

AnyEvent: TypeAlias = (
    Start
    | StepStart
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
    | EventReceived
    | Resume
    | Recover
    | Suspended
    | Paused
    | Canceled
    | Finish
)
"""Any event that a run emits, for a ``match`` of which a type checker finds missing cases."""
