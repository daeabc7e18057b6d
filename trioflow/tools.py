"""Tools: functions that any step can call by keyword, or that are a node themselves."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

import attrs

from trioflow._signature import Parameter, Signature, read_signature
from trioflow.errors import DefinitionError
from trioflow.retry import Retry
from trioflow.steps import MaybeAsync, check_id, check_options, describe, identify

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C")
Out_co = TypeVar("Out_co", covariant=True)


@attrs.frozen(eq=False, repr=False)
class Tool(Generic[P, Out_co]):
    """A function that steps call with ``ctx.call_tool(tool, **args)``.

    An async generator is a streaming tool: each piece it yields is an event, and its
    result is the list of the pieces, or what *combine* makes of that list.

    As a node of a workflow, a tool with one parameter gets the value itself, and a tool
    with several gets them from the value's keys or attributes.
    """

    id: str
    fn: Callable[..., Any]
    signature: Signature
    output: Any
    """Type of the result."""
    description: str = ""
    combine: Callable[[list[Any]], Any] | None = None
    """Makes the result of a streaming tool from the list of its pieces."""
    retry: Retry | None = None
    """How the tool is retried where it is a node; a step that calls it decides itself."""
    timeout: float | None = None
    """Seconds that one call may take; None for no limit."""
    runner: str | None = None
    limit: str | None = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Tool {self.id!r}>"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters a caller fills; the context is not among them."""
        return self.signature.parameters

    @property
    def streaming(self) -> bool:
        """Whether the tool yields pieces."""
        return self.signature.kind == "async generator"

    @property
    def input(self) -> Any:
        """Type of the value the tool takes as a node: of its only parameter, else Any."""
        return self.parameters[0].type if len(self.parameters) == 1 else Any

    def clone(self, id: str) -> Tool[P, Out_co]:
        """Return the same tool under another id."""
        return attrs.evolve(self, id=check_id(id, f"clone of tool {self.id!r}"))


class ToolDecorator(Protocol):
    """What ``@tool(...)`` without ``combine`` returns."""

    @overload
    def __call__(self, fn: Callable[P, AsyncIterator[T]], /) -> Tool[P, list[T]]: ...
    @overload
    def __call__(self, fn: Callable[P, Awaitable[T]], /) -> Tool[P, T]: ...
    @overload
    def __call__(self, fn: Callable[P, AsyncIterator[T] | MaybeAsync[T]], /) -> Tool[P, T]: ...


class CollectingDecorator(Protocol[Out_co]):
    """What ``@tool(combine=...)`` returns."""

    def __call__(self, fn: Callable[P, AsyncIterator[Any]], /) -> Tool[P, Out_co]: ...


@overload
def tool(fn: Callable[P, AsyncIterator[T]], /) -> Tool[P, list[T]]: ...
@overload
def tool(fn: Callable[P, Awaitable[T]], /) -> Tool[P, T]: ...
@overload
def tool(fn: Callable[P, AsyncIterator[T] | MaybeAsync[T]], /) -> Tool[P, T]: ...
@overload
def tool(
    *,
    combine: Callable[[list[Any]], C],
    id: str | None = None,
    description: str | None = None,
    output: Any = None,
    retry: Retry | None = None,
    timeout: float | None = None,
    runner: str | None = None,
    limit: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> CollectingDecorator[C]: ...
@overload
def tool(
    *,
    id: str | None = None,
    description: str | None = None,
    output: Any = None,
    retry: Retry | None = None,
    timeout: float | None = None,
    runner: str | None = None,
    limit: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> ToolDecorator: ...
def tool(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare a tool: ``@tool`` or ``@tool(combine="".join, ...)``.

    An ``async def`` runs in the caller's task, a plain ``def`` in a thread, and an async
    generator is a streaming tool.

    Args:
      id: Id of the tool; the function's name if not given.
      description: One sentence for listings; the docstring's first line if not given.
      combine: Makes the result of a streaming tool from the list of its pieces.
      output: Type of the result; taken from the annotation if not given.
      retry: `Retry` for the tool where it is a node.
      timeout: Seconds that one call may take, as for `trioflow.step`.
      runner: Name of the runner for the body, as for a step.
      limit: Name of a concurrency limit of the engine.
      metadata: Anything; the engine does not look at it.

    Raises:
      DefinitionError: if the function cannot be a tool.
    """
    localns = sys._getframe(1).f_locals
    if fn is not None:
        return make_tool(fn, localns, **options)
    return lambda fn: make_tool(fn, localns, **options)


def make_tool(fn: Callable[..., Any], localns: Mapping[str, Any], **options: Any) -> Tool[Any, Any]:
    """Build the `Tool` for *fn*, whose annotations may name things in *localns*."""
    id, where = identify(fn, options.pop("id", None), "tool")
    signature = read_signature(fn, where, localns, inspect.Parameter.POSITIONAL_ONLY)
    check_options(where, options)
    _check_streaming(signature, where, options)
    output = options.pop("output", None)
    return Tool(
        id=id,
        fn=fn,
        signature=signature,
        output=_output_type(signature, options) if output is None else output,
        **{**options, **describe(fn, options)},
    )


def _check_streaming(signature: Signature, where: str, options: Mapping[str, Any]) -> None:
    streaming = signature.kind == "async generator"
    combine, runner = options.get("combine"), options.get("runner")
    if combine is not None and not streaming:
        raise DefinitionError(
            where, "only a streaming tool has pieces to combine", "yield them, or drop combine"
        )
    if combine is not None and (not callable(combine) or inspect.iscoroutinefunction(combine)):
        raise DefinitionError(
            where, f"combine is {combine!r}", "give it a plain function of the list of pieces"
        )
    if streaming and runner not in (None, "inline"):
        raise DefinitionError(
            where, f"a streaming tool cannot run in runner {runner!r}", "leave the runner out"
        )


def _output_type(signature: Signature, options: Mapping[str, Any]) -> Any:
    if signature.kind != "async generator":
        return signature.returns
    if options.get("combine"):
        return Any
    pieces = typing.get_args(signature.returns)  # AsyncIterator[str]
    return list[pieces[0]] if pieces else list  # type: ignore[valid-type]
