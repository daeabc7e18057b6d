"""Constraints outside of models: ``Annotated[int, Field(gt=0)]``, `PositiveInt`, ``conlist(int)``.

trioflow reads the type, and Pydantic checks its constraints. What runs code of the user, such as
`AfterValidator`, has no effect: a value is read once for each step, and a second run may change it.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any

import annotated_types as at
from cattrs import Converter
from pydantic import AllowInfNan, BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.types import PathType, UuidVersion
from typing_extensions import is_typeddict

from trioflow.errors import FaultsError
from trioflow_pydantic.faults import refusals
from trioflow_pydantic.forms import OneForm
from trioflow_pydantic.parts import ANYTHING
from trioflow_pydantic.tailoring import Tailor

CONSTRAINTS = (at.BaseMetadata, AllowInfNan, PathType, UuidVersion)
WORDS = ("title", "description", "examples")
"""Attributes of `Field` that schemas state as they are."""
KEYWORDS: Mapping[type, tuple[str, tuple[str, ...]]] = {
    at.Gt: ("gt", ("exclusiveMinimum",)),
    at.Ge: ("ge", ("minimum",)),
    at.Lt: ("lt", ("exclusiveMaximum",)),
    at.Le: ("le", ("maximum",)),
    at.MultipleOf: ("multiple_of", ("multipleOf",)),
    at.MinLen: ("min_length", ("minLength", "minItems", "minProperties")),
    at.MaxLen: ("max_length", ("maxLength", "maxItems", "maxProperties")),
}
"""By kind of constraint: its attribute, and the keywords that state it, each for a kind of JSON."""


def has_constraints(type_: Any) -> bool:
    """Return whether an annotated type has constraints that Pydantic checks."""
    return any(isinstance(each, CONSTRAINTS) for each in _flat(type_.__metadata__))


def is_described(type_: Any) -> bool:
    """Return whether an annotated type has constraints or a `Field`."""
    return has_constraints(type_) or any(isinstance(each, FieldInfo) for each in type_.__metadata__)


def reader(type_: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """Return a hook that structures values and checks their constraints."""
    inner = typing.get_args(type_)[0]
    hook, form = converter.get_structure_hook(inner), _form(type_, converter)

    def structure(value: Any, _: Any) -> Any:
        structured = hook(value, inner)
        try:
            read = form.read(structured)
        except ValidationError as exc:
            raise FaultsError(tuple(refusals(exc, structured, {}))) from exc
        # Some change the value: `StringConstraints` may strip spaces.
        return structured if read == structured else read

    return structure


def _form(type_: Any, converter: Converter) -> OneForm:
    inner, *_ = typing.get_args(type_)
    constraints = (each for each in _flat(type_.__metadata__) if isinstance(each, CONSTRAINTS))
    constrained = Annotated[(inner, *constraints)]  # type: ignore[valid-type]
    config = None if _has_own_config(inner) else ANYTHING
    adapter: TypeAdapter[Any] = TypeAdapter(constrained, config=config)
    return OneForm(Tailor(converter).tailor(adapter.core_schema))


def _has_own_config(type_: Any) -> bool:
    cls = typing.get_origin(type_) or type_
    is_class = isinstance(cls, type) and issubclass(cls, BaseModel)
    return is_class or dataclasses.is_dataclass(cls) or is_typeddict(cls)


def schema_of(type_: Any) -> dict[str, Any]:
    """Return the JSON Schema of an annotated type; that of the type inside is under ``$ref``."""
    schema: dict[str, Any] = {"$ref": typing.get_args(type_)[0]}
    for field in type_.__metadata__:
        if isinstance(field, FieldInfo):
            words = {word: getattr(field, word) for word in WORDS}
            schema |= {word: said for word, said in words.items() if said is not None}
    for each in _flat(type_.__metadata__):
        attribute, keywords = KEYWORDS.get(type(each), ("", ()))
        bound = getattr(each, attribute, None)
        if isinstance(bound, int | float):  # no JSON is compared with a date
            schema |= dict.fromkeys(keywords, bound)
        if isinstance(getattr(each, "pattern", None), str):
            schema["pattern"] = each.pattern
    return schema


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for each in metadata:
        if isinstance(each, FieldInfo):
            yield from _flat(each.metadata)
        elif isinstance(each, at.GroupedMetadata):
            yield from _flat(each)
        else:
            yield each
