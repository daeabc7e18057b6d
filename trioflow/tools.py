"""Tools: functions that steps call by keyword, and that can also be nodes of a workflow."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

import attrs

from trioflow._argument_schemas import check_schema, parameters_of
from trioflow._definitions import (
    check_id,
    check_options,
    checked_timeout,
    description_or_doc,
    identify,
    where_in,
)
from trioflow._durations import Duration
from trioflow._help import PlainHelp
from trioflow._options import named_options
from trioflow._signature import Parameter, Signature, read_open_signature, read_signature
from trioflow.errors import DefinitionError
from trioflow.limits import Limit
from trioflow.retry import Retry
from trioflow.steps import MaybeAsync

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C")
Out_co = TypeVar("Out_co", covariant=True)


@attrs.frozen(eq=False, repr=False)
class Tool(Generic[P, Out_co], metaclass=PlainHelp):
    """A function that steps call with ``ctx.call_tool(tool, **args)``. Made by `tool`.

    An async generator is a streaming tool: each piece it yields is an event, and its output is the
    list of pieces, or the value that *combine* returns for that list.

    As a node of a workflow, a tool with one parameter gets the value itself. The arguments of a
    tool with several parameters are taken from the keys or attributes of the value.
    """

    id: str
    fn: Callable[..., Any]
    signature: Signature
    output: Any
    """Type of the output."""
    description: str = ""
    combine: Callable[[list[Any]], Any] | None = None
    """Returns the output of a streaming tool for the list of its pieces."""
    retry: Retry | None = None
    """How the tool is retried as a node. A step that calls it handles retries itself."""
    timeout: float | None = None
    """Seconds that one call may take; None for no limit."""
    runner: str | None = None
    """Where the body runs, as for a step."""
    limit: str | Limit | None = None
    """The limit that counts the body while it runs."""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    given_schema: Mapping[str, Any] | None = None
    """The JSON Schema that the tool was made from; None for other tools."""

    @classmethod
    @named_options(where_in("tool"))
    def from_schema(
        cls,
        id: str,
        fn: Callable[..., Any],
        schema: Mapping[str, Any],
        *,
        description: str = "",
        output: Any = None,
        timeout: Duration | None = None,
        limit: str | Limit | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Tool[..., Any]:
        """Make a tool whose arguments are described by a JSON Schema, such as an MCP server's.

        Arguments are checked against the schema and passed on unchanged. This needs jsonschema,
        which ``trioflow[schema]`` installs.

        Args:
          id: Id of the tool.
          fn: An async function or generator, or a plain function. It is called with the arguments
            by keyword, so ``**arguments`` accepts them all. It also gets the context if a parameter
            is annotated with `StepContext`.
          schema: JSON Schema of an object: the arguments by name.
          description: What the tool does.
          output: Type of the output; default: the annotation.
          timeout, limit, metadata: As for `tool`.

        Raises:
          DefinitionError: if the schema is invalid or not of an object, jsonschema is not
            installed, or the function cannot be a tool.
        """
        where = f"tool {id!r}"
        options = {"description": description, "limit": limit, "metadata": metadata}
        check_options(where, options)
        check_schema(schema, where)
        localns = sys._getframe(2).f_locals
        signature = read_open_signature(fn, where, localns, parameters_of(schema))
        return Tool(
            check_id(id, where),
            fn,
            signature,
            _output_type(signature, None) if output is None else output,
            description=description,
            timeout=checked_timeout(where, timeout),
            limit=limit,
            metadata=dict(metadata or {}),
            given_schema=schema,
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call the function directly, without a run."""
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Tool {self.id!r}>"

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON Schema of the arguments: an object with one property per argument.

        Types and defaults are those of the parameters; descriptions are strings in their
        annotations: ``Annotated[int, "how many"]``. Installed plugins describe classes of other
        libraries; ``engine.json_schema(tool)`` uses the plugins of the engine.
        """
        from trioflow.describe._schema import json_schema

        return json_schema(self)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that the caller passes, without the context."""
        return self.signature.parameters

    @property
    def streaming(self) -> bool:
        """Whether the tool yields pieces."""
        return self.signature.kind == "async generator"

    @property
    def input(self) -> Any:
        """Type of the input as a node: the type of the only parameter, else Any."""
        is_alone = len(self.parameters) == 1 and self.given_schema is None
        return self.parameters[0].type if is_alone else Any

    def clone(self, id: str) -> Tool[P, Out_co]:
        """Return the same tool under another id."""
        return attrs.evolve(self, id=check_id(id, f"clone of tool {self.id!r}"))


class ToolDecorator(Protocol):
    """The decorator that ``@tool(...)`` without ``combine`` returns."""

    @overload
    def __call__(self, fn: Callable[P, AsyncIterator[T]], /) -> Tool[P, list[T]]: ...
    @overload
    def __call__(self, fn: Callable[P, Awaitable[T]], /) -> Tool[P, T]: ...
    @overload
    def __call__(self, fn: Callable[P, AsyncIterator[T] | MaybeAsync[T]], /) -> Tool[P, T]: ...


class CollectingDecorator(Protocol[Out_co]):
    """The decorator that ``@tool(combine=...)`` returns."""

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
    timeout: Duration | None = None,
    runner: str | None = None,
    limit: str | Limit | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> CollectingDecorator[C]: ...
@overload
def tool(
    *,
    id: str | None = None,
    description: str | None = None,
    output: Any = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    runner: str | None = None,
    limit: str | Limit | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> ToolDecorator: ...
@named_options(where_in("tool"))
def tool(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    combine: Callable[[list[Any]], Any] | None = None,
    id: str | None = None,
    description: str | None = None,
    output: Any = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    runner: str | None = None,
    limit: str | Limit | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Declare a tool: ``@tool`` or ``@tool(combine="".join, ...)``.

    An ``async def`` runs in the task of its caller, a plain ``def`` in a thread, and an async
    generator is a streaming tool. A class cannot be a tool.

    Args:
      combine: Returns the output of a streaming tool for the list of its pieces.
      id: Id of the tool; default: the name of the function.
      description: One sentence for listings; default: the first line of the docstring.
      output: Type of the output; default: the annotation.
      retry: How the tool is retried as a node.
      timeout: Seconds, or a timedelta, that one call may take, as for `trioflow.step`.
      runner: Name of the runner for the body, as for `trioflow.step`.
      limit: A `Limit`, or the name of one: bounds how many bodies run at the same time.
      metadata: Any values; the engine does not read them.

    Raises:
      DefinitionError: if the function cannot be a tool, or an option has the wrong type.
      UnknownOptionError: if an option does not exist.
    """
    localns = sys._getframe(2).f_locals
    options = {
        "combine": combine,
        "id": id,
        "description": description,
        "output": output,
        "retry": retry,
        "timeout": timeout,
        "runner": runner,
        "limit": limit,
        "metadata": metadata,
    }
    if fn is not None:
        return _make_tool(fn, localns, options)
    return lambda fn: _make_tool(fn, localns, options)


def _make_tool(
    fn: Callable[..., Any], localns: Mapping[str, Any], options: Mapping[str, Any]
) -> Tool[Any, Any]:
    """Build the `Tool` for *fn*, whose annotations may name things in *localns*."""
    id, where = identify(fn, options["id"], "tool")
    signature = read_signature(fn, where, localns, inspect.Parameter.POSITIONAL_ONLY)
    check_options(where, options)
    _check_streaming(signature, where, options)
    output, combine = options["output"], options["combine"]
    filled = {
        "id": id,
        "description": description_or_doc(fn, options["description"]),
        "output": _output_type(signature, combine) if output is None else output,
        "timeout": checked_timeout(where, options["timeout"]),
        "metadata": dict(options["metadata"] or {}),
    }
    return Tool(fn=fn, signature=signature, **{**options, **filled})


def _check_streaming(signature: Signature, where: str, options: Mapping[str, Any]) -> None:
    streaming = signature.kind == "async generator"
    combine, runner = options["combine"], options["runner"]
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


def _output_type(signature: Signature, combine: Callable[[list[Any]], Any] | None) -> Any:
    if signature.kind != "async generator":
        return signature.returns
    if combine is not None:
        return Any
    pieces = typing.get_args(signature.returns)  # AsyncIterator[str]
    return list[pieces[0]] if pieces else list  # type: ignore[valid-type]
