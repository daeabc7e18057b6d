"""What the signature of a user's function says: its parameters and their types."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from trioflow.context import RunContext
from trioflow.errors import DefinitionError

FunctionKind = Literal["async", "async generator", "blocking"]
ContextPlace = Literal["first", "second", "name"]


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
    context_place: ContextPlace
    """How a step gets its context; tools get theirs by name in any case."""
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
        position, tools by keyword. Such a parameter is left to its default; only the
        context is passed by name if need be.

    Raises:
      DefinitionError: if *fn* is no function, if an annotation cannot be evaluated, or if a
        parameter cannot be filled.
    """
    kind = kind_of(fn, where)
    hints = _hints(fn, where, localns)
    contexts: list[tuple[str, ContextPlace]] = []
    parameters: list[Parameter] = []
    for name, parameter in _parameters(fn, where).items():
        is_context = _is_context(hints.get(name))
        if not _can_be_filled(parameter, refused, len(parameters), is_context):
            problem = f"its {parameter.kind.description} parameter {name!r} cannot be filled"
            raise DefinitionError(where, problem, "make it an ordinary parameter")
        if is_context:
            contexts.append((name, _place(parameter, len(parameters))))
        elif parameter.kind is not refused:
            parameters.append(Parameter(name, hints.get(name, Any), parameter.default))
    if len(contexts) > 1:
        names = " and ".join(repr(name) for name, _ in contexts)
        raise DefinitionError(where, f"{names} are both its context", "take the context once")
    first: tuple[str | None, ContextPlace] = contexts[0] if contexts else (None, "first")
    return Signature(kind, tuple(parameters), *first, hints.get("return", Any))


def _can_be_filled(
    parameter: inspect.Parameter,
    refused: inspect._ParameterKind,
    position: int,
    is_context: bool,
) -> bool:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return False
    if is_context and parameter.kind is parameter.POSITIONAL_ONLY:
        return refused is not parameter.POSITIONAL_ONLY and position <= 1
    has_default = parameter.default is not parameter.empty
    return is_context or has_default or parameter.kind is not refused


def _place(parameter: inspect.Parameter, position: int) -> ContextPlace:
    if parameter.kind is parameter.KEYWORD_ONLY or position > 1:
        return "name"
    return "second" if position else "first"


def count_positional(fn: Callable[..., Any], where: str) -> int:
    """Return how many of ``(data, ctx)`` a condition or mapping function takes: 0, 1 or 2."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:  # builtins such as bool have no signature; they take the data
        return 1
    if inspect.isgeneratorfunction(unwrap(fn)) or inspect.isasyncgenfunction(unwrap(fn)):
        raise DefinitionError(where, f"{name_of(fn)} is a generator", "return the value instead")
    unfilled = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if unfilled:
        raise DefinitionError(
            where,
            f"{name_of(fn)} needs keyword {unfilled[0]!r}",
            "take (data) or (data, ctx), and bind the rest with functools.partial",
        )
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


def check_takes_one(fn: Any, name: str, where: str) -> None:
    """Check that *fn*, which was given as *name*, can be called with one argument.

    Raises:
      DefinitionError: if not.
    """
    if not callable(fn):
        raise DefinitionError(where, f"{name} is {fn!r}", "give it a function of one argument")
    try:
        inspect.signature(fn).bind(None)
    except ValueError:  # a builtin without signature
        return
    except TypeError as exc:
        problem = f"{name} cannot be called with one argument ({exc})"
        raise DefinitionError(where, problem, "give it a function of one argument") from exc


def name_of(fn: object) -> str:
    """Return a readable name of a function or callable object."""
    return getattr(unwrap(fn), "__name__", None) or type(fn).__name__


def unwrap(fn: Any) -> Any:
    """Return the function behind ``functools.partial`` and ``staticmethod`` objects."""
    while isinstance(fn, functools.partial | staticmethod):
        fn = fn.func if isinstance(fn, functools.partial) else fn.__func__
    return fn


def kind_of(fn: Callable[..., Any], where: str) -> FunctionKind:
    """Return what becomes of *fn* when it is called.

    Raises:
      DefinitionError: if it is no function, or a generator that is not async.
    """
    if not callable(fn):
        raise DefinitionError(where, f"{fn!r} is not a function", "decorate a function")
    inner = unwrap(fn)
    if inspect.isclass(inner):
        return "blocking"
    if not inspect.isroutine(inner):
        inner = inner.__call__
    # A decorator's plain wrapper around an async function hands its coroutine on.
    inner = inspect.unwrap(inner)
    if inspect.isgeneratorfunction(inner):
        raise DefinitionError(
            where, "it is a generator that is not async", "return a list, or make it async"
        )
    if inspect.isasyncgenfunction(inner):
        return "async generator"
    return "async" if inspect.iscoroutinefunction(inner) else "blocking"


def _parameters(fn: Callable[..., Any], where: str) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(fn).parameters
    except ValueError as exc:  # some builtins
        raise DefinitionError(
            where, f"its parameters cannot be found out ({exc})", "write a function around it"
        ) from exc


def _hints(fn: Callable[..., Any], where: str, localns: Mapping[str, Any]) -> dict[str, Any]:
    inner = unwrap(fn)
    annotated = inner
    if inspect.isclass(inner):
        annotated = inner.__init__
    elif not inspect.isroutine(inner):
        annotated = type(inner).__call__
    try:
        hints = typing.get_type_hints(annotated, localns=dict(localns), include_extras=True)
    except (NameError, TypeError) as exc:
        raise DefinitionError(
            where,
            f"its annotations cannot be evaluated ({exc})",
            "import or define the types before the function",
        ) from exc
    return {**hints, "return": inner} if inspect.isclass(inner) else hints


def _is_context(hint: Any) -> bool:
    """Tell whether an annotation is the context's, also as ``StepContext[S] | None``."""
    origin = typing.get_origin(hint)
    if origin in (typing.Annotated, typing.Union, types.UnionType):
        return any(_is_context(arm) for arm in typing.get_args(hint))
    cls = origin or hint
    return isinstance(cls, type) and issubclass(cls, RunContext)
