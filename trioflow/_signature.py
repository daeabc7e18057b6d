"""Reads the signatures of users' functions: their parameters, types and context."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from trioflow._hints import bound
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
        """Whether a caller must pass it."""
        return self.default is inspect.Parameter.empty

    @property
    def description(self) -> str:
        """The description in its annotation: the string in ``Annotated[int, "how many"]``."""
        return description_of(self.type)


@attrs.frozen
class Signature:
    """A function as the engine sees it."""

    kind: FunctionKind
    parameters: tuple[Parameter, ...]
    context: str | None
    """Name of the context parameter."""
    context_place: ContextPlace
    """How a step gets its context; tools always get it by name."""
    returns: Any
    state: Any = Any
    """Type of the state, as in ``StepContext[State]``."""


def read_signature(
    fn: Callable[..., Any],
    where: str,
    localns: Mapping[str, Any],
    refused: inspect._ParameterKind,
) -> Signature:
    """Return the signature of *fn*; unannotated parameters have type Any.

    Args:
      refused: The kind of parameter that the caller cannot pass: steps are called by
        position, tools by keyword. Such a parameter keeps its default; only the context is passed
        by name if necessary.

    Raises:
      DefinitionError: if *fn* is a class or not a function, if an annotation cannot be evaluated,
        or if a parameter cannot be passed.
    """
    _refuse_class(fn, where)
    kind = kind_of(fn, where)
    hints = _hints(fn, where, localns)
    contexts: list[tuple[str, ContextPlace]] = []
    parameters: list[Parameter] = []
    for name, parameter in _parameters(fn, where).items():
        is_context = _is_context(hints.get(name))
        if not _can_be_filled(parameter, refused, len(parameters), is_context):
            problem = f"its {parameter.kind.description} parameter {name!r} cannot be passed"
            raise DefinitionError(where, problem, "make it an ordinary parameter")
        if is_context:
            contexts.append((name, _place(parameter, len(parameters))))
        elif parameter.kind is not refused:
            parameters.append(Parameter(name, hints.get(name, Any), parameter.default))
    if len(contexts) > 1:
        names = " and ".join(repr(name) for name, _ in contexts)
        raise DefinitionError(where, f"{names} are both its context", "keep only one")
    first: tuple[str | None, ContextPlace] = contexts[0] if contexts else (None, "first")
    state = Any if first[0] is None else _state_of(hints[first[0]])
    return Signature(kind, tuple(parameters), *first, hints.get("return", Any), state)


def read_open_signature(
    fn: Callable[..., Any],
    where: str,
    localns: Mapping[str, Any],
    parameters: tuple[Parameter, ...],
) -> Signature:
    """Return the signature of *fn* for a call with *parameters*, whatever it declares.

    Raises:
      DefinitionError: as `read_signature` does.
    """
    _refuse_class(fn, where)
    kind = kind_of(fn, where)
    hints = _hints(fn, where, localns)
    contexts = [name for name in _parameters(fn, where) if _is_context(hints.get(name))]
    context = contexts[0] if contexts else None
    if any(parameter.name == context for parameter in parameters):
        problem = f"{context!r} is both its context and an argument"
        raise DefinitionError(where, problem, "give the context another name")
    return Signature(kind, parameters, context, "name", hints.get("return", Any))


def _refuse_class(fn: object, where: str) -> None:
    """Refuse a class: its body would be the constructor, and its output an instance."""
    cls = unwrap(fn)
    if inspect.isclass(cls):
        kind, name = where.partition(" ")[0], cls.__name__
        remedy = f"write a function that returns {name}(...)"
        if any("__call__" in vars(base) for base in cls.__mro__):
            remedy = f'decorate a function, or write {kind}(id="{name}")({name}())'
        raise DefinitionError(where, f"a class cannot be a {kind}", remedy)


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
    # Keep defaults: they are the author's values, such as a loop variable bound early.
    return len(required) if required else min(len(positional), 1)


def check_takes_one(fn: Any, name: str, where: str) -> None:
    """Check that *fn*, the option *name*, can be called with one argument.

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


def description_of(hint: Any) -> str:
    """Return the first string that ``Annotated`` adds to a type; "" if there is none."""
    extras = hint.__metadata__ if typing.get_origin(hint) is typing.Annotated else ()
    return next((extra for extra in extras if isinstance(extra, str)), "")


def unwrap(fn: Any) -> Any:
    """Return the function behind ``functools.partial`` and ``staticmethod`` objects."""
    while isinstance(fn, functools.partial | staticmethod):
        fn = fn.func if isinstance(fn, functools.partial) else fn.__func__
    return fn


def kind_of(fn: Callable[..., Any], where: str) -> FunctionKind:
    """Return the kind of *fn*: async, blocking, or async generator.

    Raises:
      DefinitionError: if it is not callable, or is a generator that is not async.
    """
    if not callable(fn):
        raise DefinitionError(where, f"{fn!r} is not a function", "decorate a function")
    inner = unwrap(fn)
    if inspect.isclass(inner):  # from the author of a runner, who may call any callable
        return "blocking"
    if not inspect.isroutine(inner):
        inner = inner.__call__
    # A plain wrapper around an async function returns its coroutine.
    inner = inspect.unwrap(inner)
    if inspect.isgeneratorfunction(inner):
        raise DefinitionError(
            where, "it is a generator but not async", "return a list, or make it async"
        )
    if inspect.isasyncgenfunction(inner):
        return "async generator"
    return "async" if inspect.iscoroutinefunction(inner) else "blocking"


def _parameters(fn: Callable[..., Any], where: str) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(fn).parameters
    except ValueError as exc:  # some builtins
        raise DefinitionError(
            where, f"its signature is unknown ({exc})", "wrap it in a function"
        ) from exc


def _hints(fn: Callable[..., Any], where: str, localns: Mapping[str, Any]) -> dict[str, Any]:
    inner = unwrap(fn)
    annotated = inner if inspect.isroutine(inner) else type(inner).__call__
    try:
        hints = typing.get_type_hints(annotated, localns=dict(localns), include_extras=True)
    except (NameError, TypeError) as exc:
        raise DefinitionError(
            where,
            f"its annotations cannot be evaluated ({exc})",
            "import or define the types before the function, and not under `if TYPE_CHECKING:`",
        ) from exc
    return {name: bound(hint, module_of(fn)) for name, hint in hints.items()}


def module_of(fn: Callable[..., Any]) -> str:
    """Return the module where the quoted names of a function's types are looked up."""
    inner = unwrap(fn)
    return getattr(inner, "__module__", None) or type(inner).__module__


def _is_context(hint: Any) -> bool:
    """Return whether an annotation is a context, including ``StepContext[S] | None``."""
    origin = typing.get_origin(hint)
    if origin in (typing.Annotated, typing.Union, types.UnionType):
        return any(_is_context(arm) for arm in typing.get_args(hint))
    cls = origin or hint
    return isinstance(cls, type) and issubclass(cls, RunContext)


def _state_of(hint: Any) -> Any:
    """Return the type argument of the context's annotation; Any if there is none."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Annotated, typing.Union, types.UnionType):
        return _state_of(next(arm for arm in arguments if _is_context(arm)))
    state = arguments[0] if arguments else Any
    return Any if isinstance(state, typing.TypeVar) else state
