"""Steps: the functions a workflow is made of, and the decorator that declares them."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, overload

import attrs

from trioflow._ids import MAX_ID
from trioflow._numbers import is_number
from trioflow._signature import Signature, name_of, read_signature
from trioflow.addresses import RESERVED
from trioflow.context import StepContext
from trioflow.errors import DefinitionError
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
class Step(Generic[In_contra, Out_co]):
    """A function with an id and what the engine must know to run it.

    Calling a step calls its function, so that it can be tested on its own.
    """

    id: str
    fn: Callable[..., Any]
    signature: Signature
    input: Any
    """Type of the value the step takes; Any accepts everything."""
    output: Any
    """Type of the value the step returns."""
    description: str = ""
    resume: Any = Any
    """Type of the data that arrives with an event or on resume."""
    suspend: Any = Any
    """Type of the payload that the step suspends with."""
    state: Any = Any
    """Type of the state that the step expects."""
    retry: Retry | None = None
    """How the step is retried; None leaves it to the workflow."""
    timeout: float | None = None
    """Seconds that one attempt may take; None for no limit."""
    runner: str | None = None
    """Where the body runs; None means inline for ``async def`` and thread for ``def``."""
    limit: str | None = None
    """Name of the engine's concurrency limit that the body takes a place in."""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Step {self.id!r}>"

    def clone(self, id: str) -> Step[In_contra, Out_co]:
        """Return the same step under another id, for use twice in one workflow."""
        return attrs.evolve(self, id=check_id(id, f"clone of step {self.id!r}"))


class StepDecorator(Protocol):
    """What ``@step(...)`` with arguments returns."""

    @overload
    def __call__(self, fn: Callable[[StepContext[Any]], Awaitable[Out]], /) -> Step[Any, Out]: ...
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
def step(fn: Callable[[StepContext[Any]], Awaitable[Out]], /) -> Step[Any, Out]: ...
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
    state: Any = Any,
    retry: Retry | None = None,
    timeout: float | None = None,
    runner: str | None = None,
    limit: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> StepDecorator: ...
def step(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare a step: ``@step`` or ``@step(id=..., retry=..., ...)``.

    The function takes its input, and the context if a parameter is annotated with
    `StepContext`; both may be left out. An ``async def`` runs in the run's own task, a
    plain ``def`` in a thread (cancellation then waits for it to return).

    Values are passed by reference, so a step that changes its input in place changes it for all who
    hold it; use frozen classes. What the function gives is checked when it ends: its own class
    always, what is inside of it when it is recorded. What structures into the output type, such as
    a dict into an attrs class, is structured; anything else fails the step. A run with a store
    records a copy of the output as it is then. After a restart the next step gets that copy, with
    the declared types. Outputs of more than about 64 kB are written in slices, between which other
    tasks run; if the step is canceled during that, it counts as canceled.

    Args:
      id: Id of the step; the function's name if not given.
      description: One sentence for listings; the docstring's first line if not given.
      input: Type of the input; taken from the annotation if not given.
      output: Type of the output; taken from the annotation if not given.
      resume: Type of what ``run.resume(resume_data=...)`` brings, as `ctx.resume_data`.
      suspend: Type of the payload the step suspends with.
      state: Type of the run's state that the step expects.
      retry: `Retry` for this step; the workflow's if not given.
      timeout: Seconds that one attempt may take. A body that no cancellation reaches, such as a
        blocking function in a thread, is not ended by it: it runs to its end, and the attempt
        fails then. In a process it is ended (``runner="process"``).
      runner: Name of the runner for the body: ``"inline"``, ``"thread"``, a plugin's such as
        ``"process"``, or one that is given to ``open_engine(runners=...)``.
      limit: Name of a concurrency limit of the engine.
      metadata: Anything; the engine does not look at it.

    Raises:
      DefinitionError: if the function cannot be a step.
    """
    # Local classes are visible to annotations only through the frame that defines the step.
    localns = sys._getframe(1).f_locals
    if fn is not None:
        return make_step(fn, localns, **options)
    return lambda fn: make_step(fn, localns, **options)


def make_step(fn: Callable[..., Any], localns: Mapping[str, Any], **options: Any) -> Step[Any, Any]:
    """Build the `Step` for *fn*, whose annotations may name things in *localns*."""
    id, where = identify(fn, options.pop("id", None), "step")
    signature = read_signature(fn, where, localns, inspect.Parameter.KEYWORD_ONLY)
    _check_function(signature, where)
    check_options(where, options)
    return Step(
        id=id,
        fn=fn,
        signature=signature,
        **{**given_or_annotated(signature, options), **describe(fn, options)},
    )


def given_or_annotated(signature: Signature, options: dict[str, Any]) -> dict[str, Any]:
    """Return *options* with input and output filled in from the annotations."""
    annotated = signature.parameters[0].type if signature.parameters else Any
    given_input, given_output = options.pop("input", None), options.pop("output", None)
    return {
        **options,
        "input": annotated if given_input is None else given_input,
        "output": signature.returns if given_output is None else given_output,
    }


def describe(fn: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return description and metadata, with the docstring's first line as the default."""
    description = options.get("description")
    if description is None:
        description = (getattr(fn, "__doc__", None) or "").strip().partition("\n")[0]
    return {"description": description, "metadata": dict(options.get("metadata") or {})}


def identify(fn: Callable[..., Any], id: str | None, kind: str) -> tuple[str, str]:
    """Return the id of a step or tool, by default its function's name, and "step 'id'"."""
    if id is None:
        id = name_of(fn)
        if id == "<lambda>":
            raise DefinitionError(f"{kind} without id", "a lambda has no name", "give it an id")
    where = f"{kind} {id!r}"
    return check_id(id, where), where


def check_id(id: object, where: str) -> str:
    """Return *id* if it can name something in a workflow."""
    if not isinstance(id, str) or not id or id != id.strip() or not id.isprintable():
        raise DefinitionError(where, f"{id!r} cannot be an id", "use a text such as 'fetch'")
    if len(id) > MAX_ID:
        problem = f"its id has {len(id):,} characters"
        raise DefinitionError(f"{where[:60]}...", problem, f"use at most {MAX_ID}")
    bad = sorted(set(id) & set(RESERVED))
    if bad:
        raise DefinitionError(
            where, f"id {id!r} contains {' '.join(bad)}", "use letters, digits, '_', '-' and '.'"
        )
    return id


def check_options(where: str, options: Mapping[str, Any]) -> None:
    """Check what steps, tools and workflows have in common, as far as it is given."""
    retry = options.get("retry")
    if retry is not None and not isinstance(retry, Retry):
        raise DefinitionError(
            where, f"retry is {retry!r}", "write retry=Retry(attempts=..., delay=...)"
        )
    check_timeout(where, options.get("timeout"))
    for option, cls, remedy in (
        ("runner", str, "give it the name of a runner, such as 'thread'"),
        ("limit", str, "give it the name of a limit of the engine"),
        ("description", str, "give it a text"),
        ("metadata", Mapping, "give it a dict"),
    ):
        given = options.get(option)
        if given is not None and not isinstance(given, cls):
            raise DefinitionError(where, f"{option} is {given!r}", remedy)


def check_timeout(where: str, timeout: object) -> None:
    """Check that *timeout* is a number of seconds, or None."""
    if timeout is not None and not (is_number(timeout) and 0 < timeout < math.inf):
        raise DefinitionError(
            where, f"timeout is {timeout!r}", "give it a number of seconds > 0, or None"
        )


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
