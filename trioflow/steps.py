"""Steps: the functions a workflow is made of, and the decorator that declares them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, overload

import attrs

from trioflow._definitions import (
    check_id,
    check_options,
    checked_timeout,
    description_or_doc,
    identify,
    where_in,
)
from trioflow._durations import Duration
from trioflow._generic import (
    AsyncGeneric,
    GenericInput,
    GenericOutput,
    Marker,
    OtherMarker,
    PlainGeneric,
)
from trioflow._help import PlainHelp
from trioflow._hints import bound
from trioflow._options import named_options
from trioflow._signature import Signature, count_positional, module_of, read_signature
from trioflow.context import StepContext
from trioflow.errors import DefinitionError
from trioflow.limits import Limit
from trioflow.retry import Retry

In = TypeVar("In")
Out = TypeVar("Out")
In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)

MaybeAsync: TypeAlias = Awaitable[Out] | Out
"""What a plain function may return. The overloads for plain functions take this and not
``Out``, because mypy gives up (``Step[Any, Any]``) when an async function whose signature
mentions ``Any`` fits two overloads with different results."""


@attrs.frozen(eq=False, repr=False)
class Step(Generic[In_contra, Out_co], metaclass=PlainHelp):
    """A function with an id and the options for running it. Made by `step`.

    A step can be called like its function, so it can be tested in isolation.
    """

    id: str
    fn: Callable[..., Any]
    signature: Signature
    input: Any
    """Type of the input; Any accepts everything."""
    output: Any
    """Type of the output."""
    description: str = ""
    resume: Any = Any
    """Type of the resume or event data."""
    suspend: Any = Any
    """Type of the payload that the step suspends with."""
    state: Any = Any
    """Type of the state that the step expects."""
    retry: Retry | None = None
    """How the step is retried; None means as set by its workflow."""
    timeout: float | None = None
    """Seconds that one attempt may take; None for no limit."""
    fallback: Callable[..., Any] | None = None
    """Returns the output if the last attempt has failed."""
    runner: str | None = None
    """Where the body runs; None means inline for ``async def`` and thread for ``def``."""
    limit: str | Limit | None = None
    """The limit that counts the body while it runs."""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function directly, without a run."""
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Step {self.id!r}>"

    def clone(self, id: str) -> Step[In_contra, Out_co]:
        """Return the same step under another id, to use it twice in one workflow."""
        return attrs.evolve(self, id=check_id(id, f"clone of step {self.id!r}"))


class StepDecorator(Protocol):
    """The decorator that ``@step(...)`` with arguments returns."""

    @overload
    def __call__(self, fn: Callable[[Marker], Awaitable[OtherMarker]], /) -> Step[Any, Any]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, fn: Callable[[list[Marker]], Awaitable[None] | None], /
    ) -> Step[Any, None]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, fn: AsyncGeneric, /
    ) -> Step[GenericInput, GenericOutput[AsyncGeneric]]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, fn: PlainGeneric, /
    ) -> Step[GenericInput, GenericOutput[PlainGeneric]]: ...
    @overload
    def __call__(self, fn: Callable[[StepContext[Any]], Awaitable[Out]], /) -> Step[Any, Out]: ...
    @overload
    def __call__(self, fn: Callable[[Marker], Awaitable[Out]], /) -> Step[Any, Out]: ...
    @overload
    def __call__(self, fn: Callable[[In], Awaitable[Out]], /) -> Step[In, Out]: ...
    @overload
    def __call__(
        self, fn: Callable[[In, StepContext[Any]], Awaitable[Out]], /
    ) -> Step[In, Out]: ...
    @overload
    def __call__(
        self, fn: Callable[[StepContext[Any], In], Awaitable[Out]], /
    ) -> Step[In, Out]: ...
    @overload
    def __call__(self, fn: Callable[[], Awaitable[Out]], /) -> Step[Any, Out]: ...
    @overload
    def __call__(self, fn: Callable[[StepContext[Any]], MaybeAsync[Out]], /) -> Step[Any, Out]: ...
    @overload
    def __call__(self, fn: Callable[[Marker], MaybeAsync[Out]], /) -> Step[Any, Out]: ...
    @overload
    def __call__(self, fn: Callable[[In], MaybeAsync[Out]], /) -> Step[In, Out]: ...
    @overload
    def __call__(
        self, fn: Callable[[In, StepContext[Any]], MaybeAsync[Out]], /
    ) -> Step[In, Out]: ...
    @overload
    def __call__(
        self, fn: Callable[[StepContext[Any], In], MaybeAsync[Out]], /
    ) -> Step[In, Out]: ...
    @overload
    def __call__(self, fn: Callable[[], MaybeAsync[Out]], /) -> Step[Any, Out]: ...


@overload
def step(fn: Callable[[Marker], Awaitable[OtherMarker]], /) -> Step[Any, Any]: ...
@overload
def step(  # type: ignore[overload-overlap]
    fn: Callable[[list[Marker]], Awaitable[None] | None], /
) -> Step[Any, None]: ...
@overload
def step(  # type: ignore[overload-overlap]
    fn: AsyncGeneric, /
) -> Step[GenericInput, GenericOutput[AsyncGeneric]]: ...
@overload
def step(  # type: ignore[overload-overlap]
    fn: PlainGeneric, /
) -> Step[GenericInput, GenericOutput[PlainGeneric]]: ...
@overload
def step(fn: Callable[[StepContext[Any]], Awaitable[Out]], /) -> Step[Any, Out]: ...
@overload
def step(fn: Callable[[Marker], Awaitable[Out]], /) -> Step[Any, Out]: ...
@overload
def step(fn: Callable[[In], Awaitable[Out]], /) -> Step[In, Out]: ...
@overload
def step(fn: Callable[[In, StepContext[Any]], Awaitable[Out]], /) -> Step[In, Out]: ...
@overload
def step(fn: Callable[[StepContext[Any], In], Awaitable[Out]], /) -> Step[In, Out]: ...
@overload
def step(fn: Callable[[], Awaitable[Out]], /) -> Step[Any, Out]: ...
@overload
def step(fn: Callable[[StepContext[Any]], MaybeAsync[Out]], /) -> Step[Any, Out]: ...
@overload
def step(fn: Callable[[Marker], MaybeAsync[Out]], /) -> Step[Any, Out]: ...
@overload
def step(fn: Callable[[In], MaybeAsync[Out]], /) -> Step[In, Out]: ...
@overload
def step(fn: Callable[[In, StepContext[Any]], MaybeAsync[Out]], /) -> Step[In, Out]: ...
@overload
def step(fn: Callable[[StepContext[Any], In], MaybeAsync[Out]], /) -> Step[In, Out]: ...
@overload
def step(fn: Callable[[], MaybeAsync[Out]], /) -> Step[Any, Out]: ...
@overload
def step(
    *,
    id: str | None = None,
    description: str | None = None,
    input: Any = None,
    output: Any = None,
    resume: Any = Any,
    suspend: Any = Any,
    state: Any = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    fallback: Callable[..., Any] | None = None,
    runner: str | None = None,
    limit: str | Limit | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> StepDecorator: ...
@named_options(where_in("step"))
def step(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    id: str | None = None,
    description: str | None = None,
    input: Any = None,
    output: Any = None,
    resume: Any = Any,
    suspend: Any = Any,
    state: Any = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    fallback: Callable[..., Any] | None = None,
    runner: str | None = None,
    limit: str | Limit | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Declare a step: ``@step`` or ``@step(id=..., retry=..., ...)``.

    The function takes its input, and the context if a parameter is annotated with
    `StepContext`; both are optional. An ``async def`` runs in the task of the run, a plain
    ``def`` in a thread, which cancellation waits for. A class cannot be a step.

    Values are passed by reference, so a step that changes its input in place changes it for
    every holder of the object; use frozen classes. The output is checked when the function returns:
    its class always, its contents when it is recorded. A value that structures into the output
    type, such as a dict into an attrs class, is structured. Any other value fails the step. A run
    with a store records the output at that time. After a restart, the next step gets this copy,
    with the declared types. Outputs of more than about 64 kB are written in slices, and other
    tasks run in between; a step that is canceled while this happens counts as canceled.

    A body sees the context variables of the code that started or resumed this part of the run; in
    a recovered run, those of the code that opened the engine. It has them for itself: what it sets
    ends with it, in the event loop, in a thread and in a process, and neither other steps nor the
    caller of ``run.start()`` see it. Another process begins without the variables of this one,
    because they have no names to find them by there. Use ``ctx.runtime_context`` to pass values to
    later steps.

    Args:
      id: Id of the step; default: the name of the function.
      description: One sentence for listings; default: the first line of the docstring.
      input: Type of the input; default: the annotation.
      output: Type of the output; default: the annotation.
      resume: Type of the resume data and of event data.
      suspend: Type of the payload that the step suspends with.
      state: Type of the state that the step expects; default: the annotation of the context,
        ``StepContext[State]``. The state of the workflow must be of this type or a subclass; a
        TypedDict may name some of its keys. Updates of the state must fit both types.
      retry: How the step is retried; default: the ``retry`` of its workflow.
      timeout: Seconds, or a timedelta, that one attempt may take, from when the body begins:
        waiting for a limit, a free thread or a free process does not count. It does not interrupt a
        body that cannot be canceled, such as a blocking function in a thread: the function returns
        first, then the attempt fails. A body in a process is killed (``runner="process"``).
      fallback: A function of ``(error, ctx)``, plain or async, that returns the output when the
        last attempt has failed. It is not called when the step suspends, bails or is canceled. The
        error is kept in the `StepResult` event and the record of the step. A plain function runs in
        the event loop.
      runner: Name of the runner for the body: ``"inline"``, ``"thread"``, a runner of a plugin such
        as ``"process"``, or one from ``open_engine(runners=...)``.
      limit: A `Limit`, or the name of one: bounds how many bodies run at the same time.
      metadata: Any values; the engine does not read them.

    Raises:
      DefinitionError: if the function cannot be a step, or an option has the wrong type.
      UnknownOptionError: if an option does not exist.
    """
    # Annotations can reach local classes only through the frame that defines the step.
    localns = sys._getframe(2).f_locals
    options = {
        "id": id,
        "description": description,
        "input": input,
        "output": output,
        "resume": resume,
        "suspend": suspend,
        "state": state,
        "retry": retry,
        "timeout": timeout,
        "fallback": fallback,
        "runner": runner,
        "limit": limit,
        "metadata": metadata,
    }
    if fn is not None:
        return _make_step(fn, localns, options)
    return lambda fn: _make_step(fn, localns, options)


_TYPES = ("input", "output", "resume", "suspend", "state")


def _make_step(
    fn: Callable[..., Any], localns: Mapping[str, Any], options: Mapping[str, Any]
) -> Step[Any, Any]:
    """Build the `Step` for *fn*, whose annotations may name things in *localns*."""
    id, where = identify(fn, options["id"], "step")
    signature = read_signature(fn, where, localns, inspect.Parameter.KEYWORD_ONLY)
    _check_function(signature, where)
    check_options(where, options)
    if options["fallback"] is not None:
        _check_fallback(options["fallback"], where)
    annotated = signature.parameters[0].type if signature.parameters else Any
    options = {
        name: bound(option, module_of(fn)) if name in _TYPES else option
        for name, option in options.items()
    }
    filled = {
        "id": id,
        "description": description_or_doc(fn, options["description"]),
        "input": annotated if options["input"] is None else options["input"],
        "output": signature.returns if options["output"] is None else options["output"],
        "state": signature.state if options["state"] is None else options["state"],
        "timeout": checked_timeout(where, options["timeout"]),
        "metadata": dict(options["metadata"] or {}),
    }
    return Step(fn=fn, signature=signature, **{**options, **filled})


def _check_fallback(fallback: object, where: str) -> None:
    if not callable(fallback) or inspect.isclass(fallback):
        problem = f"fallback is {fallback!r}"
        raise DefinitionError(where, problem, "give it a function of (error, ctx)")
    count_positional(fallback, where)


def _check_function(signature: Signature, where: str) -> None:
    if signature.kind == "async generator":
        raise DefinitionError(
            where, "an async generator cannot be a step", "make it a @tool, or use ctx.write"
        )
    required = [p.name for p in signature.parameters if p.required]
    if len(signature.parameters) > 1 and len(required) > 1:
        raise DefinitionError(
            where,
            f"it takes {len(required)} values ({', '.join(required)})",
            "take one value, and the context annotated as StepContext",
        )
