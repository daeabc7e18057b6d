"""Types as annotations give them: names resolved, type variables filled in.

Whatever reads, writes or describes values takes the types of fields from here, so that all of
them see the same types.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ForwardRef, Literal

import typing_extensions
from typing_extensions import TypeAliasType, is_typeddict

# Before Python 3.14, the class of typing_extensions differs from that of the ``type`` statement.
ALIASES: tuple[Any, ...] = (TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType))
SELVES: tuple[Any, ...] = (typing.Self, typing_extensions.Self)
LITERAL_STRINGS: tuple[Any, ...] = (typing.LiteralString, typing_extensions.LiteralString)
UNION: Any = typing.Union

Change = Callable[[Any], Any]
"""Returns what to replace a part of a type by, or None to look at the parts of the part."""


def is_alias(type_: Any) -> bool:
    """Return whether a type was named by ``type X = ...``, with or without type arguments."""
    return isinstance(typing.get_origin(type_) or type_, ALIASES)


def alias_target(type_: Any) -> Any:
    """Return the type that an alias stands for.

    Raises:
      NameError: if it names something that does not exist.
    """
    alias = typing.get_origin(type_) or type_
    target = alias.__value__
    if isinstance(target, str):
        target = resolved(ForwardRef(target, module=alias.__module__))
    arguments = dict(zip(alias.__type_params__, typing.get_args(type_), strict=False))
    return substituted(bound(target, alias.__module__), arguments)


def stand_in(variable: Any) -> Any:
    """Return the type of values of a type variable that has no argument."""
    has_default = getattr(variable, "has_default", None)
    if has_default is not None and has_default():
        return variable.__default__
    if variable.__constraints__:
        return UNION[variable.__constraints__]
    return Any if variable.__bound__ is None else variable.__bound__


# ---------------------------------------------------------------- parts of types
def rebuilt(type_: Any, change: Change) -> Any:
    """Return a type with some of its parts replaced; the same object if there are none."""
    new = change(type_)
    if new is not None:
        return new
    origin, parts = typing.get_origin(type_), typing.get_args(type_)
    if origin is None or origin is Literal or origin is abc.Callable or not parts:
        return type_
    if origin is Annotated:
        inner = rebuilt(parts[0], change)
        return type_ if inner is parts[0] else Annotated[(inner, *parts[1:])]
    made = tuple(rebuilt(part, change) for part in parts)
    if all(new is old for new, old in zip(made, parts, strict=True)):
        return type_
    if origin is types.UnionType:
        origin = UNION
    return origin[made if len(made) > 1 else made[0]]


def substituted(type_: Any, arguments: Mapping[Any, Any]) -> Any:
    """Return a type with its type variables replaced."""

    def change(part: Any) -> Any:
        return arguments.get(part) if isinstance(part, typing.TypeVar) else None

    return rebuilt(type_, change) if arguments else type_


def bound(type_: Any, module: str) -> Any:
    """Return a type in which quoted names are looked up in a module when they are needed.

    A string is no type, only a part of one.
    """

    def change(part: Any) -> Any:
        if isinstance(part, str):
            return ForwardRef(part, module=module)
        if isinstance(part, ForwardRef) and part.__forward_module__ is None:
            return ForwardRef(part.__forward_arg__, module=module)
        return None

    return type_ if isinstance(type_, str) else rebuilt(type_, change)


def resolved(reference: ForwardRef) -> Any:
    """Return the type that a quoted name stands for.

    Raises:
      NameError: if there is no such name, or if its module is not known.
    """
    name, module = reference.__forward_arg__, reference.__forward_module__
    if module is None:
        raise NameError(f"name {name!r} is not defined in a known module")
    holder = types_holder("type", name, sys.modules.get(module))
    return bound(typing.get_type_hints(holder, include_extras=True)["type"], module)


def types_holder(name: str, annotation: Any, module: Any) -> Any:
    """Return an object with one annotation and a known module."""
    return types.SimpleNamespace(
        __annotations__={name: annotation}, __globals__=vars(module) if module else {}
    )


# ---------------------------------------------------------------- types of fields
def arguments_of(type_: Any, origin: Any) -> dict[Any, Any]:
    """Return the values of a class's type variables in a parametrized type."""
    parameters = getattr(origin, "__parameters__", ())
    return dict(zip(parameters, typing.get_args(type_), strict=False))


def field_types(type_: Any, names: Sequence[str] = ()) -> dict[str, Any]:
    """Return the types of the fields of a class, with the type arguments filled in.

    Args:
      type_: The class, with or without type arguments.
      names: The fields, unless all annotated names are fields, as in a TypedDict. Types of other
        annotations need not exist at run time.

    Raises:
      NameError: if an annotation names something that does not exist.
    """
    origin = typing.get_origin(type_) or type_
    if is_typeddict(origin):
        return _typed_dict_types(type_, origin)
    found: dict[str, Any] = {}
    for base, arguments in _bases(type_, origin):
        own = inspect.get_annotations(base)
        # A class that is not defined at the top of its module may still refer to itself.
        local = {origin.__name__: origin, base.__name__: base}
        local |= {each.__name__: each for each in getattr(base, "__type_params__", ())}
        module = sys.modules.get(base.__module__)
        for name in [name for name in names if name in own]:
            holder = types_holder(name, own[name], module)
            hint = typing.get_type_hints(holder, localns=local, include_extras=True)[name]
            found[name] = _complete(hint, base, arguments, type_)
    return found


def _complete(hint: Any, cls: type, arguments: Mapping[Any, Any], whole: Any) -> Any:
    hint = substituted(bound(hint, cls.__module__), arguments)
    return rebuilt(hint, lambda part: whole if part in SELVES else None)


def _bases(type_: Any, origin: type) -> Iterator[tuple[type, Mapping[Any, Any]]]:
    """Yield the bases of a class, most distant first, with values of their type variables."""
    arguments: dict[type, Mapping[Any, Any]] = {origin: arguments_of(type_, origin)}
    for cls in origin.__mro__:
        for base in getattr(cls, "__orig_bases__", ()):
            root = typing.get_origin(base)
            if isinstance(root, type):
                arguments.setdefault(root, _given(base, root, arguments.get(cls, {})))
    for cls in reversed(origin.__mro__[:-1]):
        yield cls, arguments.get(cls, {})


def _given(base: Any, root: Any, outer: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: substituted(each, outer) for key, each in arguments_of(base, root).items()}


def _typed_dict_types(type_: Any, origin: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(origin, include_extras=True)
    found = {
        name: _complete(hint, origin, arguments_of(type_, origin), type_)
        for name, hint in hints.items()
    }
    # A TypedDict is no subclass of its bases, and has their annotations among its own.
    for base in getattr(origin, "__orig_bases__", ()):
        root = typing.get_origin(base)
        if root is not None and is_typeddict(root):
            given = root[tuple(_given(base, root, arguments_of(type_, origin)).values())]
            theirs = typing.get_type_hints(root, include_extras=True)
            found |= {
                name: hint
                for name, hint in field_types(given).items()
                if hints[name] == theirs[name]
            }
    return found
