"""Workflows: immutable values that a builder chain extends.

Changing a workflow while its runs wait
=======================================

A run that is kept in a store continues with the workflow of the process that continues it. Before
anything runs, that workflow is compared with the journal and all recorded values are read. If
something does not fit, nothing is changed: the run waits for a version that fits, and can be
shown, canceled and deleted.

What may change:

=============================== ================================================================
the body of a step              always; a step whose result is recorded does not run again
nodes that no run has reached   always; nodes that runs have passed keep their kind, order and
                                ids, else `WorkflowChangedError` says which one differs
a field that is gone            its recorded value is dropped, which is logged once per class
a new field                     needs a default; recorded values get it
both in one class               looks like a new name, and is refused unless a plugin's
                                ``trioflow_upgrade`` says what the fields are today
a type that takes more          ``int`` to ``float``, ``X`` to ``X | None``, more members of an
                                enum, more arms of a union in any order
a type that takes less          if the values that were recorded fit
a NamedTuple                    by position: new fields last, with defaults
a class in another module       if a type of the workflow names it; of values without a type the
                                old name has to lead to the class
=============================== ================================================================

Arms of a union are recorded by their names, so a class keeps its name while runs with it wait.
Do not add ``str`` to a type that is recorded as a string, such as `datetime.datetime`: recorded
values would be read as strings. Where the meaning of fields changes and their names do not, raise
the class's ``__trioflow_version__`` (a whole number, 0 if there is none). It is recorded with each
value, and ``trioflow_upgrade`` is asked for values of other versions.

What comes from outside, such as inputs, answers and events, is always read strictly.

Old and new versions side by side
---------------------------------

During a deploy, processes of both versions may recover the same runs. Each run is driven by one
process at a time, and a process leaves runs alone that it cannot read, and logs that it does. So a
deploy is safe if the old version can read what the new one writes, or leaves it alone:

1. New fields: deploy the class with the field and its default first, and what gives it other values
   second. An old process drops a field that it does not know.
2. Nodes: add them behind those that runs have reached.
3. Everything else is a new workflow: give it a new id (``Workflow("order-2")``), start new runs
   with that, and keep the old one registered until ``trioflow runs`` lists no run of it that has
   not finished.

Drain the old processes (`Engine.drain`, which the command line does on SIGTERM): what they have
not ended is recovered by the new ones.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, overload

import attrs

from trioflow._numbers import is_number, is_whole_number
from trioflow._signature import check_takes_one, count_positional, name_of
from trioflow.context import RunContext
from trioflow.errors import DefinitionError
from trioflow.mapping import (
    Constant,
    FromContext,
    FromInput,
    FromStep,
    Source,
    SourceLike,
    Template,
    parse_template,
)
from trioflow.nodes import (
    Branch,
    ForEach,
    Function,
    Loop,
    Map,
    Node,
    OnError,
    Parallel,
    Sleep,
    SleepUntil,
    Target,
    Then,
    WaitForEvent,
    ids_of,
    target_id,
)
from trioflow.retry import Retry
from trioflow.steps import MaybeAsync, Step, check_id, check_options
from trioflow.tools import Tool
from trioflow.tracing import TracingContext, TracingOptions

if TYPE_CHECKING:
    from trioflow.results import RunResult
    from trioflow.run import Run

In = TypeVar("In", contravariant=True)
Prev = TypeVar("Prev", covariant=True)
Next = TypeVar("Next")
Item = TypeVar("Item")
N = TypeVar("N")

NO_INPUT: Any = None
"""What a workflow gets that is run without input."""

Hook = Callable[..., Awaitable[None] | None]

Body: TypeAlias = "Step[N, Next] | Workflow[N, Next] | Tool[..., Next]"
"""What a node runs, with the types of what it takes and gives. A tool as a node is called
with parts of the value, so only what it gives is known."""
Arm: TypeAlias = "Body[N, Any] | str"
"""What a node runs where nothing can be said of the type of what it gives."""
Computed: TypeAlias = (
    Callable[[N], MaybeAsync[Next]]
    | Callable[[N, RunContext[Any]], MaybeAsync[Next]]
    | Callable[[], MaybeAsync[Next]]
)
"""A function that nodes ask: of ``(data)``, of ``(data, ctx)`` or of nothing."""


@attrs.frozen(eq=False)
class _Link:
    """One node and the ones before it. Chaining copies nothing, however long the chain."""

    before: _Link | None
    node: Node
    unnamed: Mapping[str, int]
    """How many nodes of each prefix so far got a generated id."""


@attrs.frozen(eq=False, repr=False, init=False)
class Workflow(Generic[In, Prev]):
    """A sequence of nodes. ``In`` is what it takes, ``Prev`` what its last node gives.

    Each builder method returns a new workflow and leaves this one as it was. A workflow is
    itself a step of other workflows.
    """

    id: str
    input: Any
    """Type of the value it takes; Any accepts everything."""
    output: Any
    """Type of its result; the last output is structured into it."""
    state: Any
    """Type of the state that its steps share."""
    description: str
    retry: Retry | None
    """How its steps are retried if they do not say themselves."""
    on_start: Hook | None
    on_finish: Hook | None
    on_error: Hook | None
    validate: bool
    """Whether values are checked against types and structured into them."""
    metadata: Mapping[str, Any]
    _tail: _Link | None

    @overload
    def __init__(
        self: Workflow[N, N],
        id: str,
        *,
        input: type[N],
        output: Any = ...,
        state: Any = ...,
        description: str = ...,
        retry: Retry | None = ...,
        on_start: Hook | None = ...,
        on_finish: Hook | None = ...,
        on_error: Hook | None = ...,
        validate: bool = ...,
        metadata: Mapping[str, Any] | None = ...,
    ) -> None: ...
    @overload  # unions, Literal and Annotated are no classes; a run checks them nevertheless
    def __init__(
        self: Workflow[Any, Any],
        id: str,
        *,
        input: Any = ...,
        output: Any = ...,
        state: Any = ...,
        description: str = ...,
        retry: Retry | None = ...,
        on_start: Hook | None = ...,
        on_finish: Hook | None = ...,
        on_error: Hook | None = ...,
        validate: bool = ...,
        metadata: Mapping[str, Any] | None = ...,
    ) -> None: ...
    def __init__(
        self,
        id: str,
        *,
        input: Any = Any,
        output: Any = Any,
        state: Any = Any,
        description: str = "",
        retry: Retry | None = None,
        on_start: Hook | None = None,
        on_finish: Hook | None = None,
        on_error: Hook | None = None,
        validate: bool = True,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin a workflow without nodes; its output is its input.

        Args:
          id: Id of the workflow, and of its call where it is a step.
          input: Type of the input.
          output: Type of the result.
          state: Type of the state that all steps share; a plain dict if not given.
          description: One sentence for listings.
          retry: `Retry` for its steps that have none of their own.
          on_start: Called with a `RunContext` before the first node. If it raises, the
            run fails with that and nothing runs.
          on_finish: Called with the `RunResult` when the workflow has ended, in any way. Halting
            a run is not its end.
          on_error: Called with the `RunResult` after *on_finish* if the workflow failed.
          validate: False switches all checks of values off.
          metadata: Anything; the engine does not look at it.

        Hooks may be plain or async. What *on_finish* and *on_error* raise is logged and
        does not change the result.

        Raises:
          DefinitionError: if the id cannot be one or an option has the wrong type.
        """
        where = f"workflow {id!r}"
        check_id(id, where)
        options = {"retry": retry, "description": description, "metadata": metadata}
        check_options(where, options)
        hooks = {"on_start": on_start, "on_finish": on_finish, "on_error": on_error}
        for name, hook in hooks.items():
            if hook is not None:
                check_takes_one(hook, name, where)
        if not isinstance(validate, bool):
            raise DefinitionError(where, f"validate is {validate!r}", "use True or False")
        self.__attrs_init__(
            id,
            input,
            output,
            state,
            description,
            retry,
            on_start,
            on_finish,
            on_error,
            validate,
            dict(metadata or {}),
            None,
        )

    def __repr__(self) -> str:
        return f"<Workflow {self.id!r}, {len(self.nodes)} nodes>"

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes in order."""
        nodes, link = [], self._tail
        while link is not None:
            nodes.append(link.node)
            link = link.before
        return tuple(reversed(nodes))

    # ------------------------------------------------------------ building
    @overload
    def then(self, target: Body[Prev, Next], /) -> Workflow[In, Next]: ...
    @overload
    def then(self, id: str, /) -> Workflow[In, Any]: ...
    def then(self, target: Any, /) -> Workflow[In, Any]:
        """Run a step, tool or workflow, or what a plugin provides under an id."""
        return self._add(Then(self._target(target)))

    def parallel(self, *arms: Arm[Prev], on_error: OnError = "cancel") -> Workflow[In, Any]:
        """Run all arms at the same time; each gets the value, the output is ``{id: output}``.

        Args:
          arms: Steps, tools, workflows or ids.
          on_error: ``"cancel"``: the first failure cancels the other arms.
            ``"finish"``: they end first. All errors are kept either way.
        """
        self._check_arms("parallel", arms)
        return self._add(Parallel(tuple(map(self._target, arms)), self._on_error(on_error)))

    def branch(
        self, *arms: tuple[Computed[Prev, bool], Arm[Prev]], on_error: OnError = "cancel"
    ) -> Workflow[In, Any]:
        """Evaluate all conditions, then run every arm whose condition holds, at the same time.

        The output is ``{id: output}`` of the arms that ran, ``{}`` if none did. A condition
        that raises fails the workflow.

        Args:
          arms: Pairs of a condition and a step, tool, workflow or id. Conditions get
            ``(data)`` or ``(data, ctx)`` and may be async.
          on_error: As in `parallel`.
        """
        for arm in arms:
            if not isinstance(arm, tuple) or len(arm) != 2:
                raise self._wrong(f"branch got {arm!r}", "give it pairs (condition, step)")
        self._check_arms("branch", [target for _, target in arms])
        pairs = tuple((self._function(c, "condition"), self._target(t)) for c, t in arms)
        return self._add(Branch(pairs, self._on_error(on_error)))

    def dowhile(
        self, step: Body[Prev, Prev] | str, condition: Computed[Prev, bool]
    ) -> Workflow[In, Prev]:
        """Run a step, and again with its output as long as ``condition(output)`` holds."""
        return self._loop(step, condition, until=False)

    def dountil(
        self, step: Body[Prev, Prev] | str, condition: Computed[Prev, bool]
    ) -> Workflow[In, Prev]:
        """Run a step, and again with its output until ``condition(output)`` holds."""
        return self._loop(step, condition, until=True)

    @overload
    def foreach(
        self: Workflow[In, list[Item] | tuple[Item, ...]],
        step: Body[Item, Next],
        *,
        concurrency: int = 1,
        on_error: OnError = "cancel",
    ) -> Workflow[In, list[Next]]: ...
    @overload
    def foreach(
        self, step: str, *, concurrency: int = 1, on_error: OnError = "cancel"
    ) -> Workflow[In, list[Any]]: ...
    def foreach(
        self, step: Any, *, concurrency: int = 1, on_error: OnError = "cancel"
    ) -> Workflow[In, Any]:
        """Run a step once per item of the value; the output is the list of outputs.

        Args:
          step: Gets one item.
          concurrency: How many items run at the same time at most.
          on_error: ``"cancel"``: the first failure cancels the items that run.
            ``"finish"``: they end first. No further item starts either way.
        """
        if not is_whole_number(concurrency) or concurrency < 1:
            raise self._wrong(f"concurrency is {concurrency!r}", "give it a whole number >= 1")
        return self._add(ForEach(self._target(step), concurrency, self._on_error(on_error)))

    @overload
    def map(
        self, spec: Callable[[Prev], Awaitable[N]], *, id: str | None = None
    ) -> Workflow[In, N]: ...
    @overload
    def map(
        self, spec: Callable[[Prev, RunContext[Any]], Awaitable[N]], *, id: str | None = None
    ) -> Workflow[In, N]: ...
    @overload
    def map(
        self, spec: Callable[[Prev], MaybeAsync[N]], *, id: str | None = None
    ) -> Workflow[In, N]: ...
    @overload
    def map(
        self, spec: Callable[[Prev, RunContext[Any]], MaybeAsync[N]], *, id: str | None = None
    ) -> Workflow[In, N]: ...
    @overload
    def map(
        self, spec: Mapping[str, SourceLike | Computed[Prev, Any]], *, id: str | None = None
    ) -> Workflow[In, Any]: ...
    def map(self, spec: Any, *, id: str | None = None) -> Workflow[In, Any]:
        """Compute a value with a function, or build an object from sources.

        Args:
          spec: A function of ``(data)`` or ``(data, ctx)``, plain or async; or
            ``{key: source}`` with `from_step`, `from_input`, `from_context`, `value`, a
            function, or a template such as ``"${data.a}, ${steps.b.c}"``.
          id: Id of the node; ``"mapping_<workflow>_<n>"`` if not given.
        """
        if isinstance(spec, Mapping):
            wrong = next((key for key in spec if not isinstance(key, str)), None)
            if wrong is not None:
                raise self._wrong(f"mapping has key {wrong!r}", "use texts as keys")
            spec = {key: self._source(key, source) for key, source in spec.items()}
        else:
            self._function(spec, "mapping")
        return self._add_named("mapping", id, lambda node_id: Map(node_id, spec))

    def sleep(
        self, seconds: float | Computed[Prev, float], *, id: str | None = None
    ) -> Workflow[In, Prev]:
        """Wait, then pass the value on.

        Args:
          seconds: How long, or a function of ``(data)`` or ``(data, ctx)`` that says it.
          id: Id of the node; ``"sleep_<workflow>_<n>"`` if not given.
        """
        if callable(seconds):
            self._function(seconds, "sleep")
        elif not is_number(seconds) or not seconds >= 0:
            raise self._wrong(f"sleep got {seconds!r}", "give it a number of seconds >= 0")
        return self._add_named("sleep", id, lambda node_id: Sleep(node_id, seconds))

    def sleep_until(
        self, when: datetime | Computed[Prev, datetime], *, id: str | None = None
    ) -> Workflow[In, Prev]:
        """Wait until a moment (not at all if it has passed), then pass the value on.

        Args:
          when: A datetime with a time zone, or a function that returns one.
          id: Id of the node; ``"sleep_<workflow>_<n>"`` if not given.
        """
        if isinstance(when, datetime):
            if when.tzinfo is None:
                raise self._wrong(f"sleep_until got {when!r}", "give the datetime a time zone")
        elif not callable(when):
            raise self._wrong(f"sleep_until got {when!r}", "give it a datetime with a time zone")
        else:
            self._function(when, "sleep_until")
        return self._add_named("sleep", id, lambda node_id: SleepUntil(node_id, when))

    @overload
    def wait_for_event(
        self, event: str, step: Body[Prev, Next], *, timeout: float | None = None
    ) -> Workflow[In, Next]: ...
    @overload
    def wait_for_event(
        self, event: str, step: str, *, timeout: float | None = None
    ) -> Workflow[In, Any]: ...
    def wait_for_event(
        self, event: str, step: Any, *, timeout: float | None = None
    ) -> Workflow[In, Any]:
        """Wait for ``run.send_event(event, data)``, then run a step with the data.

        The step gets the previous output as its input and finds the data in
        ``ctx.resume_data``. An event that was sent before counts.

        Args:
          event: Name of the event.
          step: What runs then.
          timeout: Seconds to wait at most; the step then fails with `EventTimeoutError`.
        """
        if not isinstance(event, str) or not event:
            raise self._wrong(f"wait_for_event got event {event!r}", "give it a name")
        if timeout is not None and not (is_number(timeout) and 0 <= timeout < math.inf):
            raise self._wrong(f"timeout is {timeout!r}", "give it a number of seconds >= 0")
        return self._add(WaitForEvent(event, self._target(step), timeout))

    def clone(self, id: str) -> Workflow[In, Prev]:
        """Return the same workflow under another id."""
        return self._evolve(id=check_id(id, f"clone of workflow {self.id!r}"))

    # ------------------------------------------------------------ running
    def create_run(
        self, *, run_id: str | None = None, resource_id: str | None = None
    ) -> Run[In, Prev]:
        """Create a run that needs no engine: no plugins, limits or store.

        Args:
          run_id: A name for the run; a random one if not given.
          resource_id: Whom the run belongs to; handed on in its `Start` event.

        Raises:
          InvalidIdError: if an id is empty, too long, or not what every store can hold.
          UnknownStepError: if the workflow names something by id.
          UnknownNameError: if a step needs a runner or limit that only an engine has.
        """
        from trioflow.run import create_run  # the engine builds on this module

        return create_run(self, run_id=run_id, resource_id=resource_id)

    async def run(
        self,
        input_data: In = NO_INPUT,
        *,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
    ) -> Prev:
        """Run the workflow and return its output.

        Args: as for `Run.stream`.

        Raises:
          Exception: what the failed step raised, or an ExceptionGroup if several failed.
          RunCanceledError: if the run canceled itself.
          RunSuspendedError: if it was suspended; use `create_run` to resume it.

        **Cancellation**: cancels the run and waits for its clean-up.

        **Checkpoints**: always.
        """
        result: RunResult[Prev] = await self.create_run().start(
            input_data,
            runtime_context=runtime_context,
            tracing_context=tracing_context,
            tracing_options=tracing_options,
            initial_state=initial_state,
        )
        return result.unwrap()

    # ------------------------------------------------------------ checks
    def _add(self, node: Node) -> Workflow[In, Any]:
        unnamed = self._tail.unnamed if self._tail else {}
        return self._evolve(tail=_Link(self._tail, node, unnamed))

    def _add_named(
        self, prefix: str, id: str | None, make: Callable[[str], Node]
    ) -> Workflow[In, Any]:
        unnamed = self._tail.unnamed if self._tail else {}
        if id is None:
            count = unnamed.get(prefix, 0)
            node_id, unnamed = f"{prefix}_{self.id}_{count}", {**unnamed, prefix: count + 1}
        else:
            node_id = check_id(id, f"workflow {self.id!r}")
        return self._evolve(tail=_Link(self._tail, make(node_id), unnamed))

    def _evolve(self, **changes: Any) -> Workflow[In, Any]:
        # Not attrs.evolve: that calls __init__, which begins a workflow without nodes.
        values = {field.alias: getattr(self, field.name) for field in attrs.fields(Workflow)}
        workflow: Workflow[In, Any] = object.__new__(Workflow)
        workflow.__attrs_init__(**{**values, **changes})
        return workflow

    def _loop(self, step: Any, condition: Function, *, until: bool) -> Workflow[In, Prev]:
        return self._add(Loop(self._target(step), self._function(condition, "condition"), until))

    def _wrong(self, problem: str, remedy: str) -> DefinitionError:
        return DefinitionError(f"workflow {self.id!r}", problem, remedy)

    def _target(self, target: Any) -> Target:
        if isinstance(target, str):
            return check_id(target, f"workflow {self.id!r}")
        if isinstance(target, Step | Tool | Workflow):
            return target
        raise self._wrong(
            f"{name_of(target)} is not a step, tool, workflow or id", "decorate it with @step"
        )

    def _check_arms(self, kind: str, arms: Any) -> None:
        if not arms:
            raise self._wrong(f"{kind} without arms", "give it at least one")
        ids = [target_id(self._target(arm)) for arm in arms]
        twice = next((id for id in ids if ids.count(id) > 1), None)
        if twice is not None:
            raise self._wrong(f"{kind} has two arms {twice!r}", "give one another id with clone()")

    def _on_error(self, on_error: OnError) -> OnError:
        if on_error not in ("cancel", "finish"):
            raise self._wrong(f"on_error is {on_error!r}", "use 'cancel' or 'finish'")
        return on_error

    def _function(self, fn: Any, role: str) -> Function:
        where = f"workflow {self.id!r}"
        if not callable(fn) or isinstance(fn, Step | Tool | Workflow):
            raise self._wrong(f"{role} is {fn!r}", "give it a function of (data) or (data, ctx)")
        count_positional(fn, where)
        function: Function = fn
        return function

    def _source(self, key: object, source: Any) -> Source:
        if isinstance(source, str):
            return self._template(key, source)
        if isinstance(source, FromStep):
            for step in source.steps:
                self._check_known(key, step, exact=True)
        if isinstance(source, FromStep | FromInput | FromContext | Constant):
            return source
        return self._function(source, f"source of {key!r}")

    def _template(self, key: object, text: str) -> Template:
        template = parse_template(text, f"workflow {self.id!r}, mapping of {key!r}")
        for part in template.parts:
            if not isinstance(part, str) and part[0] == "steps":
                self._check_known(key, part[1], exact=False)
        return template

    def _check_known(self, key: object, step: str, *, exact: bool) -> None:
        """Check that there is a step before; if not *exact*, a path into its output follows."""
        known: set[str] = set()
        link = self._tail
        while link is not None:  # from the end: what is read is mostly near
            for id in ids_of(link.node):
                if id == step or (not exact and step.startswith(f"{id}.")):
                    return
                known.add(id)
            link = link.before
        raise self._wrong(
            f"mapping of {key!r} reads step {step!r}, which is not before it",
            f"steps before it: {', '.join(sorted(known)) or 'none'}",
        )
