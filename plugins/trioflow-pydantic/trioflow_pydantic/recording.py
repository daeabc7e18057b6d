"""Record models in journals field by field, and restore them without validation.

Recorded values were already validated. A second validation might refuse or change them.
Serializers are not used either, because they may hide or change values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from trioflow.context import MISSING
from trioflow.validation import Shape, ShapeField


def shape_of(cls: type[BaseModel]) -> Shape:
    """Return the shape of a model.

    Raises:
      PydanticUndefinedAnnotation: if an annotation of the model has an undefined name.
    """
    cls.model_rebuild()
    names = tuple(cls.model_fields)
    return Shape(
        fields=tuple(_field(name, field) for name, field in cls.model_fields.items()),
        read=lambda model: {name: vars(model)[name] for name in names if name in vars(model)},
        make=lambda values: _made(cls, values),
        is_loose=True,  # a validator may return any value
        read_state=_state_of,
        make_state=_give_state,
    )


def _field(name: str, field: FieldInfo) -> ShapeField:
    default = MISSING if field.default is PydanticUndefined else field.default
    return ShapeField(name, field.annotation, field.is_required(), default=default)


def _made(cls: type[BaseModel], values: Mapping[str, Any]) -> BaseModel:
    given: dict[str, Any] = {}
    for name, field in cls.model_fields.items():  # in their order
        if name in values:
            given[name] = values[name]
        else:
            given[name] = field.get_default(call_default_factory=True, validated_data=given)
    model = cls.__new__(cls)
    model.__setstate__(
        {
            "__dict__": given,
            "__pydantic_fields_set__": set(values),
            "__pydantic_extra__": {} if cls.model_config.get("extra") == "allow" else None,
            "__pydantic_private__": _private_defaults(cls),
        }
    )
    return model


def _private_defaults(cls: type[BaseModel]) -> dict[str, Any] | None:
    if not cls.__private_attributes__:
        return None
    found = {name: each.get_default() for name, each in cls.__private_attributes__.items()}
    return {name: value for name, value in found.items() if value is not PydanticUndefined}


# ---------------------------------------------------------------- other attributes
def _state_of(model: BaseModel) -> dict[str, Any]:
    state = {
        "extra": model.__pydantic_extra__,
        "private": _changed(model),
        "unset": sorted(set(type(model).model_fields) - model.model_fields_set),
    }
    return {key: value for key, value in state.items() if value}


def _changed(model: BaseModel) -> dict[str, Any]:
    """Return the private attributes that differ from their default."""
    known = type(model).__private_attributes__
    return {
        name: value
        for name, value in (model.__pydantic_private__ or {}).items()
        if name not in known or known[name].default is not value
    }


def _give_state(model: BaseModel, state: Mapping[str, Any]) -> None:
    if "extra" in state:
        object.__setattr__(model, "__pydantic_extra__", dict(state["extra"]))
    if "private" in state:
        private = {**(model.__pydantic_private__ or {}), **state["private"]}
        object.__setattr__(model, "__pydantic_private__", private)
    was_set = {*type(model).model_fields, *(model.__pydantic_extra__ or {})}
    was_set -= set(state.get("unset", ()))
    object.__setattr__(model, "__pydantic_fields_set__", was_set)
