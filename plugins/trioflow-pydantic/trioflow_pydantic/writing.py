"""Write values as plain JSON types, in the form in which they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cattrs import Converter
from pydantic import ValidationError

from trioflow.errors import NotSerializableError
from trioflow.validation import fields_of
from trioflow_pydantic.faults import refusals
from trioflow_pydantic.forms import OneForm

OTHERS = ("__pydantic_extra__", "__pydantic_private__")
"""The attributes that hold what a value has beside its fields."""
REMEDY = "make its serializers and validators each other's inverse, or use another type"


def writer(cls: Any, form: OneForm, converter: Converter) -> Callable[[Any], Any]:
    """Return a hook that writes values of a type.

    It only writes what is read back as an equal value. So a secret that is masked, or a value
    that a validator would change once more, is refused.
    """

    def other(value: Any) -> Any:
        """Write a part that Pydantic does not support."""
        raw = converter.unstructure(value)
        if raw is value:
            problem = f"has a {type(value).__name__} in it, which has no JSON form"
            raise NotSerializableError("", f"is a {cls.__name__} that {problem}")
        return raw

    def unstructure(value: Any) -> Any:
        if _is_secret(value):
            problem = f"is a secret ({type(value).__name__}), which JSON would show or lose"
            raise NotSerializableError("", problem, "write what get_secret_value() returns")
        first: str | None = None
        # Defaults are not validated, so some may not be read back. Then they are left out.
        for exclude_unset in (False, True):
            written = _written(form, value, other, exclude_unset)
            loss = _loss(form, value, written)
            if loss is None:
                return written
            first = first or loss
        name = type(value).__name__
        raise NotSerializableError(
            "", f"is a {name} that is not read back from JSON ({first})", REMEDY
        )

    return unstructure


def _written(form: OneForm, value: Any, other: Callable[[Any], Any], exclude_unset: bool) -> Any:
    name = type(value).__name__
    try:
        return form.write(value, other, exclude_unset=exclude_unset)
    except NotSerializableError:
        raise
    except ValueError as exc:  # for example, bytes that are not UTF-8
        if isinstance(exc.__cause__, NotSerializableError):
            raise exc.__cause__ from exc
        problem = f"is a {name} that Pydantic cannot write ({exc})"
        raise NotSerializableError("", problem) from exc


def _loss(form: OneForm, value: Any, written: Any) -> str | None:
    """Return why JSON does not stand for a value; None if it does."""
    try:
        again = form.read(written)
    except ValidationError as exc:
        faults = "; ".join(map(str, refusals(exc, written, {})))
        return f"its JSON is refused: {faults}"
    if is_same(again, value):
        return None
    if any(map(_is_secret, getattr(value, "__dict__", {}).values())):
        return "it has a secret in it"
    return "its JSON stands for another value"


def _is_secret(value: Any) -> bool:
    return hasattr(value, "get_secret_value")


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
    mine, theirs = _parts(one), _parts(other)
    return mine is not None and theirs is not None and is_same(mine, theirs)


def _is_not_compared(cls: Any) -> bool:
    return cls.__eq__ is object.__eq__


def _parts(value: Any) -> Mapping[str, Any] | None:
    if hasattr(value, "__pydantic_fields_set__"):
        others = [getattr(value, name, None) or {} for name in OTHERS]
        return {"fields": vars(value), "others": others}
    return fields_of(value) if _is_not_compared(type(value)) else None
