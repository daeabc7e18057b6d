"""A workflow that is ready to run: names resolved, types compiled, limits and runners found.

Planning happens once per workflow and environment, before anything runs. It finds all errors in a
definition, and a running step looks nothing up.

The classes have no reprs: plans refer to each other, and each repr is made at every import.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs

from trioflow._argument_schemas import CheckArguments
from trioflow._engine.base.habits import Reputation
from trioflow._values.structure import Structure, exact_type
from trioflow.events import StepKind
from trioflow.nodes import OnError
from trioflow.retry import Retry
from trioflow.workflow import Hook

if TYPE_CHECKING:
    from trioflow._forms.form import Form
    from trioflow._forms.forms import Forms

Body: TypeAlias = Callable[[Any, Any], Awaitable[Any]]
"""Takes ``(call, value)`` and runs one attempt. The body of a leaf returns its value; the body of a
nested workflow or of a loop returns an Outcome."""
Fallback: TypeAlias = Callable[[BaseException, Any], Awaitable[Any]]
"""Takes ``(error, call)``; made from a plain or async function."""


class Limiter(Protocol):
    """What a body holds a place of while it runs: a `trio.CapacityLimiter`, for example."""

    async def acquire_on_behalf_of(self, borrower: object) -> None: ...
    def release_on_behalf_of(self, borrower: object) -> None: ...


FindLimiter: TypeAlias = Callable[[], Limiter]
"""Returns the limiter of a limit in this event loop."""
Condition: TypeAlias = Callable[[Any, Any], Awaitable[Any]]
"""Takes ``(data, frame)``; made from a plain or async function of one or two arguments."""


@attrs.frozen(eq=False, repr=False)
class CallForms:
    """How the values of one kind of call are recorded."""

    input: Form
    output: Form
    resume: Form
    suspend: Form
    secret: str | None = None
    """Which of the values is a secret that must not be recorded, if one is."""


@attrs.frozen(eq=False, repr=False)
class RunForms:
    """How the values of a workflow's runs that belong to no call are recorded."""

    input: Form
    output: Form
    state: Form
    updates: Form
    """For what steps change in the state: a mapping with some of its keys."""
    anything: Form
    """For values without a declared type."""
    forms: Forms
    """The factory of all these forms."""
    secret: str | None = None
    """Which value is a secret that must not be recorded, including those of the calls."""
    unknown: CallForms = attrs.field(init=False, repr=False)
    """For calls that the workflow does not have."""
    described: dict[tuple[object, ...], Any] = attrs.field(factory=dict, init=False, repr=False)
    """What is known about events, by the forms of their values; see `event_values`."""
    calls: dict[str, CallForms] = attrs.field(factory=dict, init=False, repr=False)
    """The forms of the calls that were looked up last, by address."""

    @unknown.default
    def _unknown(self) -> CallForms:
        return CallForms(self.anything, self.anything, self.anything, self.anything)


@attrs.define(eq=False, repr=False)
class CallPlan:
    """How to make one kind of call."""

    id: str
    kind: StepKind
    body: Body
    function: Callable[[Any], Awaitable[Any]] | None = None
    """The function that *body* calls, if it does nothing else: the function of a step that takes
    only its input. It is then called directly (shortcut `function-alone`)."""
    structure: Structure | None = None
    """Structures the input; None if any value is valid."""
    structure_resume: Structure | None = None
    """Structures the data of the event that was waited for, or of an answer."""
    structure_suspend: Structure | None = None
    """Structures the payload of a suspension."""
    check: Structure | None = None
    """Checks the class of the body's value; None if any value is valid."""
    state_fields: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    """Structures updates of the state as the step's own type of it wants; None if it has none."""
    structure_output: Structure | None = None
    """Structures the output at any depth; None if any value is valid."""
    forms: CallForms | None = None
    """How its values are recorded; None if there is no store."""
    retry: Retry | None = None
    timeout: float | None = None
    limiter: FindLimiter | None = None
    fallback: Fallback | None = None
    """Gives the output if the call has failed."""
    plugin: str | None = None
    nested: WorkflowPlan | None = None
    """The workflow that is called, if it is one."""
    code: object = None
    """Identifies the function of a leaf, the same for all steps made from it."""
    takes: object = attrs.field(init=False)
    """A type whose exact instances need no structuring; None if no value needs any. It is checked
    before *structure*, which would find the same (shortcut `known-type`)."""
    gives: object = attrs.field(init=False)
    """A class whose exact instances need no check; None if no value needs one."""
    slot: int = attrs.field(init=False)
    """Where a workflow call keeps the output, see `WorkflowPlan.slots`."""
    is_leaf: bool = attrs.field(init=False)
    """Whether the body is user code, and not calls of other nodes or a mere wait."""
    is_plain: bool = attrs.field(init=False)
    """Whether it is a leaf with one attempt and no fallback, not guarded and not recorded."""
    is_guarded: bool = attrs.field(init=False)
    """Whether it has a limit or a time-out."""

    def __attrs_post_init__(self) -> None:
        self.takes = None if self.structure is None else exact_type(self.structure)
        self.gives = None if self.check is None else exact_type(self.check)
        self.is_leaf = self.kind in ("step", "tool", "map")
        self.is_guarded = self.timeout is not None or self.limiter is not None
        may_be_large = self.forms is not None  # then it is recorded in slices
        has_more = self.retry is not None or self.fallback is not None
        self.is_plain = self.is_leaf and not has_more and not self.is_guarded and not may_be_large


@attrs.define(eq=False, repr=False)
class ToolPlan:
    """How to call one tool."""

    id: str
    invoke: Callable[..., Any]
    """Takes the keyword arguments; awaitable, or an async generator if *streaming*."""
    run: Callable[[Any], Any]
    """Takes the tool call and invokes the tool for it; returns what *invoke* does."""
    streaming: bool
    parameters: Mapping[str, Structure | None]
    required: frozenset[str]
    context: str | None
    """The name of the context parameter."""
    combine: Callable[[list[Any]], Any] | None
    check: Structure | None
    """Checks the class of the result; None if any value is valid."""
    timeout: float | None
    limiter: FindLimiter | None
    plugin: str | None
    check_arguments: CheckArguments | None = None
    """Checks the arguments of a tool that was made from a schema."""


@attrs.define(eq=False, repr=False)
class ThenPlan:
    key: str
    call: CallPlan


@attrs.define(eq=False, repr=False)
class ParallelPlan:
    key: str
    arms: tuple[CallPlan, ...]
    on_error: OnError


@attrs.define(eq=False, repr=False)
class BranchPlan:
    key: str
    arms: tuple[tuple[Condition, CallPlan], ...]
    on_error: OnError


@attrs.define(eq=False, repr=False)
class LoopPlan:
    key: str
    call: CallPlan
    condition: Condition
    until: bool


@attrs.define(eq=False, repr=False)
class ForEachPlan:
    key: str
    loop: CallPlan
    """The call for the whole loop; its body runs the items."""
    item: CallPlan
    on_error: OnError = "cancel"


@attrs.define(eq=False, repr=False)
class SleepPlan:
    key: str
    call: CallPlan
    until: Condition
    """Returns when the sleep ends: seconds since the epoch, on the run's clock."""
    is_date: bool = False
    """Whether that is a calendar date, not a time from now."""


@attrs.define(eq=False, repr=False)
class WaitPlan:
    key: str
    event: str
    call: CallPlan
    timeout: float | None


NodePlan: TypeAlias = (
    ThenPlan | ParallelPlan | BranchPlan | LoopPlan | ForEachPlan | SleepPlan | WaitPlan
)


@attrs.define(eq=False, repr=False)
class WorkflowPlan:
    """A workflow, ready to run.

    Holds no reference to the workflow itself, so that it can be cached for as long as the workflow
    lives.
    """

    id: str
    metadata: Mapping[str, Any]
    nodes: tuple[NodePlan, ...]
    structure_input: Structure | None
    structure_output: Structure | None
    initial_state: Callable[[Any], Any]
    """Makes the initial state from the caller's value."""
    state_fields: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None
    """Structures the keys of a state update; None if the state is a plain dict."""
    tools: Callable[[Any], ToolPlan]
    """Returns the plan of a tool or of a tool's id."""
    find_tool: Callable[[str], Any]
    """Returns the tool with an id that the engine knows."""
    on_start: Hook | None
    on_finish: Hook | None
    on_error: Hook | None
    forms: RunForms | None
    """How values of its runs are recorded; None if there is no store."""
    timeout: float | None
    """Seconds within which a run, or a nested call, must finish."""
    reducers: Mapping[str, Callable[[Any, Any], Any]]
    """The reducers for updates of fields of the state, by name; others replace the value."""
    slots: Mapping[str, int]
    """Where a call of the workflow keeps the outputs of its steps, by their ids."""
    has_nested_hooks: bool
    """Whether a workflow inside it has a hook that is called when it has finished."""
    reputation: Reputation = attrs.field(factory=Reputation)
    """What its runs have learned about its functions."""

    @property
    def has_end_hooks(self) -> bool:
        """Whether a hook may be called when a run has finished."""
        has_own = self.on_finish is not None or self.on_error is not None
        return has_own or self.has_nested_hooks
