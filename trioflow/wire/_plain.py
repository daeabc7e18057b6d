"""User values as plain JSON types, or an error that names the part without a JSON form.

What is written must be readable again, by any process, so there are limits here that JSON
itself does not have.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from math import isfinite
from types import NoneType
from typing import TYPE_CHECKING, Any

from trioflow.errors import NotSerializableError
from trioflow.wire._converter import default_converter
from trioflow.wire._shown import class_name, message_of, shown

if TYPE_CHECKING:
    from cattrs import Converter

MAX_DEPTH = 128
"""Maximum number of levels of lists and objects in a value.

Structuring a value into classes takes about four frames per level, of the 1,000 that Python
allows by default. So a value of this depth can be read wherever half of the stack is free.
"""
MAX_DIGITS = 4300
"""Maximum number of digits of an integer: Python refuses to read more from a string."""
_MOST = 10**MAX_DIGITS
_LEAST = -_MOST

_FREE = frozenset({str, bool, NoneType})
"""The types whose instances are all written as they are."""
_KEYS = frozenset({int, bool, NoneType})
"""The types of keys that are written as their JSON; floats have several spellings."""
_EXACT: Mapping[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
}
"""How to get the plain value of an instance of a subclass, whatever the subclass redefines."""


def write(value: Any, converter: Converter | None, depth: int = MAX_DEPTH) -> Any:
    """Return *value* made of dicts with string keys, lists, strings, numbers, booleans and None.

    Args:
      value: Anything.
      converter: Writes what is not plain JSON; trioflow's own if None.
      depth: Maximum number of levels of lists and objects.

    Raises:
      NotSerializableError: if a part has no JSON form. Its path begins at *value*, and is built
        while the error propagates, so that it costs nothing on success.
    """
    kind = type(value)
    if kind in _FREE or (kind is int and _LEAST < value < _MOST):
        return value
    if kind is float and isfinite(value):
        return value
    try:
        if kind is dict or isinstance(value, Mapping):
            return _object(value, converter, depth)
        if isinstance(value, list | tuple):
            return _list(value, converter, depth)
        if isinstance(value, AbstractSet):
            return _set(value, converter, depth)
        return write(_converted(value, converter), converter, depth)
    except NotSerializableError:
        raise
    except RecursionError as exc:
        raise _too_deep() from exc
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # user code: hooks, attributes, the methods of mappings
        cause = f"{class_name(exc)}: {message_of(exc)}"
        problem = f"is a {class_name(value)} that cannot be written ({cause})"
        raise NotSerializableError("", problem, "fix its class, or the hook for it") from exc


def rewritable(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return a value that was read from a JSON string, if `write` would accept it as it is.

    It makes no copy and looks at each item once, so it takes a fraction of the time.

    Args:
      value: What was read.
      depth: Maximum number of levels of lists and objects.

    Raises:
      NotSerializableError: if `write` would raise it.
    """
    if type(value) in _FREE or type(value) is int:
        return value
    level: list[Any] = [[value]]
    for _ in range(depth + 1):
        inner: list[Any] = []
        for parts in level:
            for item in parts.values() if type(parts) is dict else parts:
                kind = type(item)
                if kind is dict or kind is list:
                    inner.append(item)
                elif kind is float and not isfinite(item):  # 1e999 is infinity for Python
                    return write(value, None)
        if not inner:
            return value
        level = inner
    return write(value, None)


# Both loops repeat the first checks of `write`, because a call per item would double the time.
def _list(value: Iterable[Any], converter: Converter | None, depth: int) -> list[Any]:
    if not depth:
        raise _too_deep()
    plain: list[Any] = []
    add = plain.append
    try:
        for item in value:
            kind = type(item)
            if (
                kind in _FREE
                or (kind is int and _LEAST < item < _MOST)
                or (kind is float and isfinite(item))
            ):
                add(item)
            else:
                add(write(item, converter, depth - 1))
    except NotSerializableError as exc:
        exc.path = join(f"[{len(plain)}]", exc.path)
        raise
    return plain


def _object(value: Mapping[Any, Any], converter: Converter | None, depth: int) -> dict[str, Any]:
    if not depth:
        raise _too_deep()
    plain: dict[str, Any] = {}
    is_renamed = False
    for key, item in value.items():
        name = key
        if type(key) is not str:
            name, is_renamed = _key(key, converter), True
        if is_renamed and name in plain:
            raise _no_key(key, "has the same JSON form as another key")
        kind = type(item)
        if (
            kind in _FREE
            or (kind is int and _LEAST < item < _MOST)
            or (kind is float and isfinite(item))
        ):
            plain[name] = item
            continue
        try:
            plain[name] = write(item, converter, depth - 1)
        except NotSerializableError as exc:
            exc.path = join(name, exc.path)
            raise
    return plain


def _key(key: Any, converter: Converter | None) -> str:
    try:
        plain = write(key, converter)
    except NotSerializableError as exc:
        raise _no_key(key, exc.problem) from exc
    if type(plain) is str:
        return plain
    if type(plain) in _KEYS:
        return json.dumps(plain)
    raise _no_key(key, f"is a {class_name(key)}, and keys are strings in JSON")


def _set(value: AbstractSet[Any], converter: Converter | None, depth: int) -> list[Any]:
    """Return the items of a set in an order that does not depend on hashes."""
    if not depth:
        raise _too_deep()
    return sorted((write(item, converter, depth - 1) for item in value), key=json.dumps)


def _converted(value: Any, converter: Converter | None) -> Any:
    """Return a value as a hook converts it, or the plain value of an instance of a subclass."""
    if type(value) is int or type(value) is float:
        raise _not_a_number(value)
    try:
        raw = (converter or default_converter()).unstructure(value)
    except NotSerializableError as exc:  # from a hook, which may raise the same object again
        raise NotSerializableError(exc.path, exc.problem, exc.remedy) from exc
    if raw is not value:
        return raw
    for plain, exactly in _EXACT.items():
        if isinstance(value, plain) and not isinstance(value, Enum):
            return exactly(value)
    raise NotSerializableError("", f"is a {class_name(value)}, which has no JSON form")


# ---------------------------------------------------------------- errors
def join(outer: str, inner: str) -> str:
    """Join two parts of a path: "a" and "b" to "a.b", "a" and "[0]" to "a[0]"."""
    if not outer or not inner or inner[0] in "[ ":
        return outer + inner
    return f"{outer}.{inner}"


def _not_a_number(value: int | float) -> NotSerializableError:
    if isinstance(value, float):
        problem = f"is the float {value}, which JSON does not have"
        return NotSerializableError("", problem, "use None or a string instead")
    problem = f"is an integer of more than {MAX_DIGITS:,} digits"
    return NotSerializableError("", problem, "use a string or bytes instead")


def _no_key(key: Any, problem: str) -> NotSerializableError:
    return NotSerializableError(f" key {shown(key)}", problem, "use another key")


def _too_deep() -> NotSerializableError:
    problem = f"is nested more than {MAX_DEPTH} levels deep, or contains itself"
    return NotSerializableError("", problem, "flatten it, for example to a list with ids")
