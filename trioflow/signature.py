"""What the signature of a user's function says: its parameters and their types."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from trioflow.context import RunContext
from trioflow.errors import DefinitionError

FunctionKind = Literal["async", "async generator", "blocking"]


@attrs.frozen
class Parameter:
    """One parameter that is not the context."""

    name: str
    type: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


@attrs.frozen
class Signature:
    """A function as the engine sees it."""

    kind: FunctionKind
    parameters: tuple[Parameter, ...]
    context: str | None
    """Name of the context parameter."""
    context_first: bool
    returns: Any


def read_signature(
    fn: Callable[..., Any],
    where: str,
    localns: Mapping[str, Any],
    refused: inspect._ParameterKind,
) -> Signature:
    """Return the signature of *fn*; unannotated parameters have type Any.

    Args:
      refused: The kind of parameter that the caller cannot fill: steps are called by
        position, tools by keyword.

    Raises:
      DefinitionError: if an annotation cannot be evaluated or a parameter kind cannot be served.
    """
    hints = _hints(fn, where, localns)
    context, parameters, context_first = None, [], False
    for position, (name, parameter) in enumerate(inspect.signature(fn).parameters.items()):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, refused):
            raise DefinitionError(
                where,
                f"its {parameter.kind.description} parameter {name!r} cannot be filled",
                "make it an ordinary parameter",
            )
        if _is_context(hints.get(name)):
            context, context_first = name, position == 0
        else:
            parameters.append(Parameter(name, hints.get(name, Any), parameter.default))
    return Signature(_kind(fn), tuple(parameters), context, context_first, hints.get("return", Any))


def count_positional(fn: Callable[..., Any], where: str) -> int:
    """Return how many of ``(data, ctx)`` a condition or mapping function takes: 0, 1 or 2."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:  # builtins such as bool have no signature; they take the data
        return 1
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 2
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    if len(required) > 2:
        raise DefinitionError(
            where, f"{name_of(fn)} needs {len(required)} arguments", "take (data) or (data, ctx)"
        )
    # A default is the author's own value (a loop variable bound early, say): not ours to fill.
    return len(required) if required else min(len(positional), 1)


def name_of(fn: object) -> str:
    """Return a readable name of a function or callable object."""
    return getattr(unwrap(fn), "__name__", None) or type(fn).__name__


def unwrap(fn: Any) -> Any:
    """Return the function behind ``functools.partial`` objects."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return fn


def _kind(fn: Callable[..., Any]) -> FunctionKind:
    inner = unwrap(fn)
    if not inspect.isroutine(inner):
        inner = getattr(inner, "__call__", inner)  # noqa: B004 - the method, not a test
    if inspect.isasyncgenfunction(inner):
        return "async generator"
    return "async" if inspect.iscoroutinefunction(inner) else "blocking"


def _hints(fn: Callable[..., Any], where: str, localns: Mapping[str, Any]) -> dict[str, Any]:
    inner = unwrap(fn)
    if not inspect.isroutine(inner):
        inner = type(inner).__call__
    try:
        return typing.get_type_hints(inner, localns=dict(localns), include_extras=True)
    except (NameError, TypeError) as exc:
        raise DefinitionError(
            where,
            f"its annotations cannot be evaluated ({exc})",
            "import or define the types before the function",
        ) from exc


def _is_context(hint: Any) -> bool:
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, RunContext)
