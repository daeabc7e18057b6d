"""Write Structs as plain JSON types in msgspec's layout."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

import msgspec
from cattrs import Converter
from msgspec import UNSET, Struct

from trioflow.errors import NotSerializableError
from trioflow.validation import faults_of, to_json
from trioflow_msgspec.fields import is_list, tag_of

Write = Callable[[Any], Any]

REMEDY = "use a value that its type allows, or a type that JSON can carry"
checking: contextvars.ContextVar[bool] = contextvars.ContextVar("checking", default=False)
"""Whether a Struct is only written to be read back, with all that is in it."""


def writer(cls: type[Struct], converter: Converter) -> Write:
    """Return a hook that writes a Struct under msgspec's encoded names.

    The constructor of a Struct checks nothing, so the hook only writes what is read back as an
    equal value. A default that its field does not allow is left out.
    """
    parts_of = _layout(cls)
    if getattr(cls, "__parameters__", ()):  # an instance does not know its type arguments
        return parts_of

    def write(struct: Struct) -> Any:
        parts = parts_of(struct)
        if checking.get():
            return parts
        reason = _loss(struct, parts, converter)
        if reason is None:
            return parts
        fewer = _without_defaults(struct, parts)
        if fewer != parts and _loss(struct, fewer, converter) is None:
            return fewer
        problem = f"is a {cls.__name__} that is not read back from JSON ({reason})"
        raise NotSerializableError("", problem, REMEDY)

    return write


def _layout(cls: type[Struct]) -> Write:
    names, keys = cls.__struct_fields__, cls.__struct_encode_fields__
    tag = tag_of(cls)

    def as_list(struct: Struct) -> Any:
        return [*([tag[1]] if tag else []), *(getattr(struct, name) for name in names)]

    def as_object(struct: Struct) -> Any:
        parts = {key: getattr(struct, name) for key, name in zip(keys, names, strict=True)}
        given = {key: part for key, part in parts.items() if part is not UNSET}
        return {tag[0]: tag[1]} | given if tag else given

    return as_list if is_list(cls) else as_object


def _without_defaults(struct: Struct, parts: Any) -> Any:
    if not isinstance(parts, dict):
        return parts
    fields = msgspec.structs.fields(struct)
    unchanged = {f.encode_name for f in fields if getattr(struct, f.name) is f.default}
    return {key: part for key, part in parts.items() if key not in unchanged}


def _loss(struct: Struct, parts: Any, converter: Converter) -> str | None:
    """Return why the JSON of a Struct does not stand for it; None if it does.

    Raises:
      NotSerializableError: if a part has no JSON form.
    """
    token = checking.set(True)
    try:
        plain = to_json(parts, "", converter)
        again = converter.get_structure_hook(type(struct))(plain, type(struct))
    except NotSerializableError:
        raise
    except Exception as exc:
        return f"its JSON is refused: {'; '.join(map(str, faults_of(exc)))}"
    finally:
        checking.reset(token)
    return None if is_same(again, struct) else "its JSON stands for another value"


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values are equal, by their parts if their class does not compare them."""
    if type(one) is not type(other):
        return False
    if one == other:
        return True
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, Struct) and not type(one).__struct_config__.eq:
        return is_same(msgspec.structs.asdict(one), msgspec.structs.asdict(other))
    return False
