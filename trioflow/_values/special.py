"""Types of the typing module: literals, unions, variables, aliases, and others."""

from __future__ import annotations

import inspect
import types
import typing
from typing import Annotated, Any, Final, TypeVar

from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError

from trioflow._hints import LITERAL_STRINGS, alias_target, resolved, stand_in
from trioflow._values.containers import origin_of
from trioflow._values.members import constant_to_json, json_text
from trioflow._values.scalars import Hook
from trioflow._values.structure import accept, faults_of, type_name, wrong_type
from trioflow.errors import Fault, FaultsError


def is_anything(cls: Any) -> bool:
    return cls is Any or cls is object


def is_literal(cls: Any) -> bool:
    return typing.get_origin(cls) is typing.Literal


def is_union(cls: Any) -> bool:
    return isinstance(cls, types.UnionType) or typing.get_origin(cls) is typing.Union


def is_type_variable(cls: Any) -> bool:
    return isinstance(cls, TypeVar)


def is_wrapper(cls: Any) -> bool:
    """Return whether *cls* is a wrapper around another type."""
    return isinstance(cls, typing.NewType) or typing.get_origin(cls) in (Annotated, Final)


def is_reference(cls: Any) -> bool:
    """Return whether *cls* is a quoted name that is looked up when it is needed."""
    return isinstance(cls, typing.ForwardRef)


def is_string(cls: Any) -> bool:
    return cls in LITERAL_STRINGS


def is_protocol(cls: Any) -> bool:
    """Return whether *cls* is a protocol that only type checkers can check."""
    origin = origin_of(cls)
    if not getattr(origin, "_is_protocol", False):
        return False
    try:
        isinstance(None, origin)
    except TypeError:
        return True
    return False


def literal_hook(cls: Any, _: Converter) -> Hook:
    """Return a hook for a literal; an option is also accepted by its JSON form."""
    options = typing.get_args(cls)
    plain = [constant_to_json(option) for option in options]
    by_text = {json_text(raw): option for option, raw in zip(options, plain, strict=True)}
    listing = ", ".join(map(repr, plain))

    def structure(value: Any, _: Any) -> Any:
        for option in options:
            # Also by type, because True == 1 == 1.0.
            if value is option or (type(value) is type(option) and value == option):
                return value
        text = json_text(value)
        if text in by_text:
            return by_text[text]
        problem = f"expected one of {listing}, received {value!r}"
        raise FaultsError((Fault("", problem, type_name(cls), type_name(type(value))),))

    return structure


def union_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a union.

    An arm that returns the value unchanged wins, otherwise the first arm that fits.
    """
    arms = [(arm, converter.get_structure_hook(arm)) for arm in typing.get_args(cls)]
    optional = any(arm is types.NoneType for arm, _ in arms)

    def structure(value: Any, _: Any) -> Any:
        if value is None and optional:
            return None
        fitting: list[Any] = []
        problems: list[tuple[Any, list[Fault]]] = []
        for arm, hook in arms:
            try:
                structured = hook(value, arm)
            except Exception as exc:
                problems.append((arm, faults_of(exc)))
            else:
                if structured is value:
                    return value
                fitting.append(structured)
        if fitting:
            return fitting[0]
        raise _refusal(cls, value, problems)

    return structure


def _refusal(cls: Any, value: Any, problems: list[tuple[Any, list[Fault]]]) -> FaultsError:
    """Return the faults of a value that fits no arm: those of the closest arm."""
    arms = [(arm, faults) for arm, faults in problems if arm is not types.NoneType]
    near = [
        faults
        for arm, faults in arms
        if all(fault.path for fault in faults)
        # One of several arms cannot stand for all, but a single one may report more than its name.
        or (len(arms) == 1 and tuple(faults) != wrong_type(arm, value).faults)
    ]
    if not near:
        return wrong_type(cls, value)
    nearest: list[Fault] = min(near, key=len)
    return FaultsError(tuple(nearest))


def type_variable_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for the bound or constraints of a type variable."""
    return _as(stand_in(cls), converter)


def wrapper_hook(cls: Any, converter: Converter) -> Hook:
    """Return the hook for the type inside NewType, Annotated and Final."""
    is_new = isinstance(cls, typing.NewType)
    return _as(cls.__supertype__ if is_new else typing.get_args(cls)[0], converter)


def string_hook(_: Any, converter: Converter) -> Hook:
    """Return the hook for strings."""
    return _as(str, converter)


def alias_hook(cls: Any, converter: Converter) -> Hook:
    """Return the hook for the value of ``type X = ...``."""
    return _as(alias_target(cls), converter)


def reference_hook(cls: Any, converter: Converter) -> Hook:
    """Return the hook for the type that a quoted name stands for."""
    return _as(resolved(cls), converter)


def _as(cls: Any, converter: Converter) -> Hook:
    hook = converter.get_structure_hook(cls)
    return hook if hook is accept else lambda value, _: hook(value, cls)


# ---------------------------------------------------------------- everything else
def instance_hook(cls: Any) -> Hook:
    """Return a hook for a type without a rule: only instances fit.

    Raises:
      StructureHandlerNotFoundError: if the type does not support isinstance(). cattrs expects this
        error, and then uses the field's own converter, if it has one.
    """
    origin, arguments = origin_of(cls), typing.get_args(cls)
    if not isinstance(origin, type):
        raise StructureHandlerNotFoundError(f"{cls!r} is not a type", cls)
    try:
        isinstance(None, origin)
    except TypeError as exc:  # a protocol, most likely
        raise StructureHandlerNotFoundError(str(exc), cls) from exc
    if origin is type and arguments and inspect.isclass(arguments[0]) and arguments != (Any,):
        return _subclass_hook(cls, arguments[0])

    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, origin):
            return value
        raise wrong_type(cls, value)

    structure.is_for_instances = True  # type: ignore[attr-defined]  # see PluginHost.schema
    return structure


def _subclass_hook(cls: Any, base: type) -> Hook:
    def structure(value: Any, _: Any) -> Any:
        if inspect.isclass(value) and issubclass(value, base):
            return value
        raise wrong_type(cls, value)

    return structure
