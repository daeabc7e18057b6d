"""Workflows: immutable values that a builder chain extends.

Changing a workflow with unfinished runs
========================================

A run in a store continues with the workflow of the process that continues it. Before any step
runs, that workflow is compared with the journal, and all recorded values are read. If something
does not fit, nothing is changed: the run waits for a version that fits, and can be shown, canceled
and deleted.

What may change:

=============================== ================================================================
the body of a step              always; a step whose output is recorded is not re-run
nodes that no run has reached   always; nodes that runs have passed keep their kind, order and
                                ids, otherwise `WorkflowChangedError` names the one that differs
a removed field                 its recorded value is dropped; this is logged once per class
a new field                     needs a default, which recorded values get
both in one class               treated as a renamed field, and refused unless the hook
                                ``trioflow_upgrade`` of a plugin returns the new fields
a wider type                    ``int`` to ``float``, ``X`` to ``X | None``, more members of an
                                enum, more arms of a union in any order
a narrower type                 if the recorded values fit it
a NamedTuple                    by position: new fields last, with defaults
a class in another module       if a type of the workflow names it; for values without a type the
                                old name must still refer to the class
=============================== ================================================================

Arms of a union are recorded by name, so do not rename a class while unfinished runs use it.
Do not add ``str`` to a type that is recorded as a string, such as `datetime.datetime`: recorded
values would be read as strings. If the meaning of fields changes but not their names, increase the
``__trioflow_version__`` of the class (an integer, 0 if missing). It is recorded with each value,
and ``trioflow_upgrade`` is called for values of other versions.

Values from outside, such as inputs, answers and events, are always read strictly.

Old and new versions side by side
---------------------------------

During a deployment, processes of both versions may recover the same runs. One process at a time
drives a run. A process logs and skips runs that it cannot read. So a deployment is safe if the old
version can read what the new version writes, or skips it:

1. New fields: deploy the class with the field and its default first, and the code that sets other
   values second. An old process drops unknown fields.
2. New nodes: add them after the nodes that runs have reached.
3. Any other change: make a new workflow with a new id (``Workflow("order-2")``), start new runs
   with it, and keep the old one registered until ``trioflow runs`` lists no unfinished run of it.

Drain the old processes (`Engine.drain`, which the command line calls on SIGTERM). The new
processes recover the unfinished runs.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, overload

import attrs

from trioflow._definitions import check_id, check_options, where_in
from trioflow._durations import Duration, finite_seconds, in_seconds
from trioflow._generic import BodyOf, GenericInput, GenericOutput, Items
from trioflow._help import PlainHelp
from trioflow._hints import bound
from trioflow._numbers import is_whole_number
from trioflow._options import named_options
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
    ON_ERROR,
    Branch,
    FailingOnError,
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
from trioflow.outcomes import Failed, Ok
from trioflow.retry import Retry
from trioflow.steps import MaybeAsync, Step
from trioflow.tools import Tool
from trioflow.tracing import TracingContext, TracingOptions

if TYPE_CHECKING:
    from typing_extensions import TypeForm

    from trioflow.results import RunResult
    from trioflow.run import Run

In = TypeVar("In", contravariant=True)
Prev = TypeVar("Prev", covariant=True)
Next = TypeVar("Next")
Item = TypeVar("Item")
N = TypeVar("N")

NO_INPUT: Any = None
"""The input of a workflow that runs without one."""

Hook = Callable[..., Awaitable[None] | None]

GenericStep: TypeAlias = "Step[GenericInput, GenericOutput[Next]]"
"""A step whose function is generic, with the type of the function."""
Body: TypeAlias = "Step[N, Next] | Workflow[N, Next] | Tool[..., Next]"
"""The target of a node, with its input and output types. A tool as a node is called with parts of
the value, so only its output type is known."""
Arm: TypeAlias = "Body[N, Any] | GenericStep[Any] | str"
"""The target of a node whose output type does not matter."""
Repeated: TypeAlias = "Body[N, N] | GenericStep[BodyOf[N, MaybeAsync[N]]] | str"
"""The target of a loop, whose output is its next input."""
Computed: TypeAlias = (
    Callable[[N], MaybeAsync[Next]]
    | Callable[[N, RunContext[Any]], MaybeAsync[Next]]
    | Callable[[], MaybeAsync[Next]]
)
"""A function of ``(data)``, of ``(data, ctx)`` or of nothing."""


def _about(self: Workflow[Any, Any], *args: Any, **options: Any) -> str:
    """Return which workflow a builder method belongs to, for `named_options`."""
    return f"workflow {self.id!r}"


@attrs.frozen(eq=False)
class _Link:
    """A node and the nodes before it. Chaining copies nothing, however long the chain."""

    before: _Link | None
    node: Node
    unnamed: Mapping[str, int]
    """How many nodes of each prefix have a generated id so far."""


@attrs.frozen(eq=False, repr=False, init=False)
class Workflow(Generic[In, Prev], metaclass=PlainHelp):
    """A sequence of nodes. ``In`` is its input type, ``Prev`` the output type of its last node.

    Each builder method returns a new workflow and does not change this one. A workflow can be a
    node of other workflows.
    """

    id: str
    input: Any
    """Type of its input; Any accepts everything."""
    output: Any
    """Type of its output; the output of the last node is structured into it."""
    state: Any
    """Type of the state that its steps share."""
    description: str
    retry: Retry | None
    """How steps without their own ``retry`` are retried."""
    timeout: float | None
    """Seconds in which a run, or a nested call, must finish, counted from its start."""
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
        input: TypeForm[N],
        output: Any = ...,
        state: Any = ...,
        description: str = ...,
        retry: Retry | None = ...,
        timeout: Duration | None = ...,
        on_start: Hook | None = ...,
        on_finish: Hook | None = ...,
        on_error: Hook | None = ...,
        validate: bool = ...,
        metadata: Mapping[str, Any] | None = ...,
    ) -> None: ...
    @overload  # without a type, or with one that is only known at run time
    def __init__(
        self: Workflow[Any, Any],
        id: str,
        *,
        input: Any = ...,
        output: Any = ...,
        state: Any = ...,
        description: str = ...,
        retry: Retry | None = ...,
        timeout: Duration | None = ...,
        on_start: Hook | None = ...,
        on_finish: Hook | None = ...,
        on_error: Hook | None = ...,
        validate: bool = ...,
        metadata: Mapping[str, Any] | None = ...,
    ) -> None: ...
    @named_options(where_in("workflow"))
    def __init__(
        self,
        id: str,
        *,
        input: Any = Any,
        output: Any = Any,
        state: Any = Any,
        description: str = "",
        retry: Retry | None = None,
        timeout: Duration | None = None,
        on_start: Hook | None = None,
        on_finish: Hook | None = None,
        on_error: Hook | None = None,
        validate: bool = True,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Create a workflow without nodes; its output is its input.

        Args:
          id: Id of the workflow, and of its step call if it is nested.
          input: Type of the input.
          output: Type of the output.
          state: Type of the state that all steps share; default: a plain dict.
          description: One sentence for listings.
          retry: How steps without their own ``retry`` are retried.
          timeout: Seconds, or a timedelta, in which a run must finish, counted from its start. This
            includes time in which the run is suspended or no process drives it. The deadline is
            stored with the run, which then fails with `RunTimeoutError`. For a nested workflow, it
            limits one step call including all attempts; the call fails, and no further attempt
            begins. The ``timeout=`` of a run overrides it.
          on_start: Called with a `RunContext` before the first node. If it raises, the run fails
            with its exception, and no node runs.
          on_finish: Called with the `RunResult` when the workflow has finished, with any status.
            Halting a run does not finish it. If a run ends while it is suspended, for example
            because it is canceled, this is called for each nested workflow that waits, innermost
            first, and then for the run. An engine that does not know the workflow, or cannot read
            the run, can cancel it too; then no hook is called, also not later.
          on_error: Called with the `RunResult` after *on_finish* if the workflow has failed.
          validate: Whether values are checked. False disables all checks.
          metadata: Any values; the engine does not read them.

        Hooks may be plain or async. Exceptions from *on_finish* and *on_error* are logged, and do
        not change the result.

        Raises:
          DefinitionError: if the id is invalid, or an option has the wrong type.
          UnknownOptionError: if an option does not exist.
        """
        where = f"workflow {id!r}"
        check_id(id, where)
        options = {"retry": retry, "description": description, "metadata": metadata}
        check_options(where, options)
        seconds = None if timeout is None else finite_seconds(timeout, above_zero=True)
        if timeout is not None and seconds is None:
            problem = f"timeout is {timeout!r}"
            raise DefinitionError(where, problem, "give it seconds > 0, a timedelta, or None")
        hooks = {"on_start": on_start, "on_finish": on_finish, "on_error": on_error}
        for name, hook in hooks.items():
            if hook is not None:
                check_takes_one(hook, name, where)
        if not isinstance(validate, bool):
            raise DefinitionError(where, f"validate is {validate!r}", "use True or False")
        # Quoted names in types are names of the module that defines the workflow.
        module = sys._getframe(2).f_globals.get("__name__", "")
        self.__attrs_init__(
            id,
            bound(input, module),
            bound(output, module),
            bound(state, module),
            description,
            retry,
            seconds,
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
    # If no overload fits, mypy explains why the first one for steps does not, pyright why the last
    # one does not. So the usual one is there twice.
    @overload
    def then(self, id: str, /) -> Workflow[In, Any]: ...
    @overload
    def then(self, target: Body[Prev, Next], /) -> Workflow[In, Next]: ...
    @overload
    def then(self, target: GenericStep[BodyOf[Prev, Awaitable[Next]]], /) -> Workflow[In, Next]: ...
    @overload
    def then(self, target: GenericStep[BodyOf[Prev, Next]], /) -> Workflow[In, Next]: ...
    @overload
    def then(  # type: ignore[overload-cannot-match]
        self, target: Body[Prev, Next], /
    ) -> Workflow[In, Next]: ...
    def then(self, target: Any, /) -> Workflow[In, Any]:
        """Run a step, tool or workflow, or the one that a plugin provides under an id."""
        return self._add(Then(self._target(target)))

    @overload
    def parallel(
        self, *arms: Arm[Prev], on_error: Literal["collect"]
    ) -> Workflow[In, dict[str, Ok[Any] | Failed]]: ...
    @overload
    def parallel(
        self, *arms: Arm[Prev], on_error: FailingOnError = "cancel"
    ) -> Workflow[In, Any]: ...
    @named_options(_about)
    def parallel(self, *arms: Arm[Prev], on_error: OnError = "cancel") -> Workflow[In, Any]:
        """Run all arms concurrently with the same input. The output is ``{id: output}``.

        Args:
          arms: Steps, tools, workflows or ids.
          on_error: What a failure does to the other arms. ``"cancel"``: they are canceled, and the
            workflow fails. ``"finish"``: they finish, then the workflow fails. All errors are kept
            in both cases. ``"collect"``: they finish, and the workflow continues with
            ``{id: Ok(output)}``, with `Failed` for each failed arm. Canceled and timed-out arms
            count as failed; suspended arms are waited for.

        Raises:
          DefinitionError: if an arm is invalid, or an id occurs twice.
        """
        self._check_arms("parallel", arms)
        return self._add(Parallel(tuple(map(self._target, arms)), self._on_error(on_error)))

    @overload
    def branch(
        self, *arms: tuple[Computed[Prev, bool], Arm[Prev]], on_error: Literal["collect"]
    ) -> Workflow[In, dict[str, Ok[Any] | Failed]]: ...
    @overload
    def branch(
        self, *arms: tuple[Computed[Prev, bool], Arm[Prev]], on_error: FailingOnError = "cancel"
    ) -> Workflow[In, Any]: ...
    @named_options(_about)
    def branch(
        self, *arms: tuple[Computed[Prev, bool], Arm[Prev]], on_error: OnError = "cancel"
    ) -> Workflow[In, Any]:
        """Evaluate all conditions, then run every arm whose condition holds, concurrently.

        The output is ``{id: output}`` of the arms that ran, ``{}`` if none did. If a condition
        raises, the workflow fails.

        Args:
          arms: Pairs of a condition and a step, tool, workflow or id. Conditions get
            ``(data)`` or ``(data, ctx)`` and may be async.
          on_error: As in `parallel`.

        Raises:
          DefinitionError: if an arm is invalid, or an id occurs twice.
        """
        for arm in arms:
            if not isinstance(arm, tuple) or len(arm) != 2:
                remedy = "pass pairs, one by one: branch((condition, step), ...)"
                raise self._wrong(f"branch got {arm!r}", remedy)
        self._check_arms("branch", [target for _, target in arms])
        pairs = tuple((self._function(c, "condition"), self._target(t)) for c, t in arms)
        return self._add(Branch(pairs, self._on_error(on_error)))

    def dowhile(self, step: Repeated[Prev], condition: Computed[Prev, bool]) -> Workflow[In, Prev]:
        """Run a step, and repeat it with its output while ``condition(output)`` holds."""
        return self._loop(step, condition, until=False)

    def dountil(self, step: Repeated[Prev], condition: Computed[Prev, bool]) -> Workflow[In, Prev]:
        """Run a step, and repeat it with its output until ``condition(output)`` holds."""
        return self._loop(step, condition, until=True)

    @overload
    def foreach(
        self, step: str, *, concurrency: int = 1, on_error: Literal["collect"]
    ) -> Workflow[In, list[Ok[Any] | Failed]]: ...
    @overload
    def foreach(
        self, step: str, *, concurrency: int = 1, on_error: FailingOnError = "cancel"
    ) -> Workflow[In, list[Any]]: ...
    @overload
    def foreach(
        self: Workflow[In, list[Item] | tuple[Item, ...] | Items[Item]],
        step: Body[Item, Next],
        *,
        concurrency: int = 1,
        on_error: Literal["collect"],
    ) -> Workflow[In, list[Ok[Next] | Failed]]: ...
    @overload
    def foreach(
        self: Workflow[In, list[Item] | tuple[Item, ...] | Items[Item]],
        step: Body[Item, Next],
        *,
        concurrency: int = 1,
        on_error: FailingOnError = "cancel",
    ) -> Workflow[In, list[Next]]: ...
    @overload
    def foreach(
        self: Workflow[In, list[Item] | tuple[Item, ...] | Items[Item]],
        step: GenericStep[BodyOf[Item, Awaitable[Next]]],
        *,
        concurrency: int = 1,
        on_error: FailingOnError = "cancel",
    ) -> Workflow[In, list[Next]]: ...
    @overload
    def foreach(
        self: Workflow[In, list[Item] | tuple[Item, ...] | Items[Item]],
        step: GenericStep[BodyOf[Item, Next]],
        *,
        concurrency: int = 1,
        on_error: FailingOnError = "cancel",
    ) -> Workflow[In, list[Next]]: ...
    @overload
    def foreach(
        self: Workflow[In, list[Item] | tuple[Item, ...] | Items[Item]],
        step: GenericStep[Any],
        *,
        concurrency: int = 1,
        on_error: Literal["collect"],
    ) -> Workflow[In, list[Ok[Any] | Failed]]: ...
    @named_options(_about)
    def foreach(
        self, step: Any, *, concurrency: int = 1, on_error: OnError = "cancel"
    ) -> Workflow[In, Any]:
        """Run a step once per item of the value. The output is the list of outputs.

        All items finish before the next node starts. To run several steps per item without waiting
        for other items, use a nested workflow as the step.

        Args:
          step: The step to run for each item.
          concurrency: Maximum number of items that run at the same time.
          on_error: What a failed item does to the others. ``"cancel"``: running items are canceled,
            and the workflow fails. ``"finish"``: running items finish, then the workflow fails. In
            both cases, no further item starts. ``"collect"``: all items run, and the workflow
            continues with a list of one ``Ok(output)`` or `Failed` per item. Canceled and timed-out
            items count as failed; suspended items are waited for.

        Raises:
          DefinitionError: if *step* cannot be run, or an option has the wrong type.
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
    @named_options(_about)
    def map(self, spec: Any, *, id: str | None = None) -> Workflow[In, Any]:
        """Compute a value with a function, or build an object from sources.

        Args:
          spec: A function of ``(data)`` or ``(data, ctx)``, plain or async; or
            ``{key: source}`` with `from_step`, `from_input`, `from_context`, `constant`, a
            function, or a template such as ``"${data.a}, ${steps.b.c}"``.
          id: Id of the node; default: ``"mapping_<workflow>_<n>"``.

        Raises:
          DefinitionError: if a source does not refer to an earlier node, or a function takes other
            arguments.
        """
        if isinstance(spec, Mapping):
            wrong = next((key for key in spec if not isinstance(key, str)), None)
            if wrong is not None:
                raise self._wrong(f"mapping has key {wrong!r}", "use strings as keys")
            spec = {key: self._source(key, source) for key, source in spec.items()}
        else:
            self._function(spec, "mapping")
        return self._add_named("mapping", id, lambda node_id: Map(node_id, spec))

    @named_options(_about)
    def sleep(
        self, seconds: Duration | Computed[Prev, Duration], *, id: str | None = None
    ) -> Workflow[In, Prev]:
        """Wait, then pass the value on.

        Args:
          seconds: How long, in seconds or as a timedelta; or a function of ``(data)`` or
            ``(data, ctx)`` that returns it.
          id: Id of the node; default: ``"sleep_<workflow>_<n>"``.

        Raises:
          DefinitionError: if *seconds* is neither, or less than 0.
        """
        if callable(seconds):
            waits: Any = self._function(seconds, "sleep")
        else:
            waits = in_seconds(seconds)
            if waits is None or waits < 0:
                raise self._wrong(f"sleep got {seconds!r}", "give it seconds >= 0 or a timedelta")
        return self._add_named("sleep", id, lambda node_id: Sleep(node_id, waits))

    @named_options(_about)
    def sleep_until(
        self, when: datetime | Computed[Prev, datetime], *, id: str | None = None
    ) -> Workflow[In, Prev]:
        """Wait until a point in time, unless it has passed, then pass the value on.

        Args:
          when: A datetime with a time zone, or a function that returns one.
          id: Id of the node; default: ``"sleep_<workflow>_<n>"``.

        Raises:
          DefinitionError: if *when* is neither.
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
        self, event: str, step: str, *, timeout: Duration | None = None
    ) -> Workflow[In, Any]: ...
    @overload
    def wait_for_event(
        self, event: str, step: Body[Prev, Next], *, timeout: Duration | None = None
    ) -> Workflow[In, Next]: ...
    @overload
    def wait_for_event(
        self,
        event: str,
        step: GenericStep[BodyOf[Prev, Awaitable[Next]]],
        *,
        timeout: Duration | None = None,
    ) -> Workflow[In, Next]: ...
    @overload
    def wait_for_event(
        self,
        event: str,
        step: GenericStep[BodyOf[Prev, Next]],
        *,
        timeout: Duration | None = None,
    ) -> Workflow[In, Next]: ...
    @named_options(_about)
    def wait_for_event(
        self, event: str, step: Any, *, timeout: Duration | None = None
    ) -> Workflow[In, Any]:
        """Wait for ``run.send_event(event, data)``, then run a step with the data.

        The step gets the previous output as its input, and the data as ``ctx.resume_data``. An
        event that was sent earlier is used at once.

        Args:
          event: Name of the event.
          step: The step to run with the data.
          timeout: Maximum time to wait: seconds, or a timedelta. After that, the step fails with
            `EventTimeoutError`.

        Raises:
          DefinitionError: if *step* cannot be run, or another argument has the wrong type.
        """
        if not isinstance(event, str) or not event:
            raise self._wrong(f"wait_for_event got event {event!r}", "give it a name")
        seconds = None if timeout is None else finite_seconds(timeout)
        if timeout is not None and seconds is None:
            raise self._wrong(f"timeout is {timeout!r}", "give it seconds >= 0 or a timedelta")
        return self._add(WaitForEvent(event, self._target(step), seconds))

    def clone(self, id: str) -> Workflow[In, Prev]:
        """Return the same workflow under another id."""
        return self._evolve(id=check_id(id, f"clone of workflow {self.id!r}"))

    # ------------------------------------------------------------ running
    def create_run(
        self,
        *,
        run_id: str | None = None,
        resource_id: str | None = None,
        tags: Collection[str] = (),
    ) -> Run[In, Prev]:
        """Create a run that needs no engine: without plugins, resources and store.

        Args:
          run_id: Id of the run; default: a random id.
          resource_id: The resource (user, tenant, ...) the run belongs to; part of its `Start`
            event.
          tags: Tags of the run, for `Run.tags`; an engine can list runs by them.

        Raises:
          InvalidIdError: if an id is empty, too long, or cannot be held by every store.
          UnknownStepError: if the workflow refers to a step, tool or workflow by id.
          UnknownNameError: if a step needs a runner or limit that only an engine has.
        """
        from trioflow.run import create_run  # the engine builds on this module

        return create_run(self, run_id=run_id, resource_id=resource_id, tags=tags)

    async def run(
        self,
        input_data: In = NO_INPUT,
        *,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        timeout: Duration | None = None,
    ) -> Prev:
        """Run the workflow and return its output.

        Args: as for `Run.stream`.

        Raises:
          Exception: what the failed step raised, or an ExceptionGroup if several failed.
          RunCanceledError: if the run canceled itself.
          RunSuspendedError: if the run is suspended; use `create_run` to be able to resume it.

        **Cancellation**: cancels the run and waits for its clean-up.

        **Checkpoints**: always.
        """
        result: RunResult[Prev] = await self.create_run().start(
            input_data,
            runtime_context=runtime_context,
            tracing_context=tracing_context,
            tracing_options=tracing_options,
            initial_state=initial_state,
            timeout=timeout,
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
        raise self._wrong(*_no_target(target))

    def _check_arms(self, kind: str, arms: Any) -> None:
        if not arms:
            raise self._wrong(f"{kind} without arms", "pass at least one")
        ids = [target_id(self._target(arm)) for arm in arms]
        twice = next((id for id in ids if ids.count(id) > 1), None)
        if twice is not None:
            raise self._wrong(
                f"{kind} has two arms {twice!r}", 'rename one with .clone("other-id")'
            )

    def _on_error(self, on_error: OnError) -> OnError:
        if on_error not in ON_ERROR:
            raise self._wrong(f"on_error is {on_error!r}", f"use one of {', '.join(ON_ERROR)}")
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
        """Check that *step* is earlier; if not *exact*, a path into its output may follow."""
        known: set[str] = set()
        link = self._tail
        while link is not None:  # from the end: most mappings read a recent step
            for id in ids_of(link.node):
                if id == step or (not exact and step.startswith(f"{id}.")):
                    return
                known.add(id)
            link = link.before
        raise self._wrong(
            f"mapping of {key!r} reads step {step!r}, which is not an earlier step",
            f"earlier steps: {', '.join(sorted(known)) or 'none'}",
        )


def _no_target(target: Any) -> tuple[str, str]:
    """Return why *target* is not a valid target, and what to do."""
    if inspect.iscoroutine(target):
        target.close()  # nothing will await it
        name = target.__name__
        return f"{name}(...) is a coroutine, because {name} was called", f"pass {name} itself"
    if isinstance(target, list | tuple):
        return f"it got a {type(target).__name__}", "pass the arms one by one: parallel(a, b)"
    return f"{name_of(target)} is not a step, tool, workflow or id", "decorate it with @step"
