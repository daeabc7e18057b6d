"""Record Structs in journals field by field, under the names of the fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import NODEFAULT, UNSET, Struct
from msgspec.structs import FieldInfo, force_setattr

from trioflow.context import MISSING
from trioflow.validation import Shape, ShapeField
from trioflow_msgspec.fields import fields_of, struct_of, without_unset


def shape_of(type_: Any) -> Shape:
    """Return the shape of a Struct, with or without type arguments.

    Raises:
      NameError: if an annotation has an undefined name.
    """
    cls = struct_of(type_)
    return Shape(tuple(map(_field, fields_of(type_))), _read, lambda values: _made(cls, values))


def _field(field: FieldInfo) -> ShapeField:
    known, may_lack = without_unset(field.type)
    is_default = field.default is not NODEFAULT and field.default is not UNSET
    default = field.default if is_default else MISSING
    return ShapeField(field.name, known, field.required, may_lack, default)


def _read(struct: Struct) -> dict[str, Any]:
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return {name: value for name, value in values.items() if value is not UNSET}


def _made(cls: Any, values: Mapping[str, Any]) -> Struct:
    struct: Struct = cls(**values)
    for name, value in values.items():
        # Restore values that a second call of __post_init__ changed.
        if getattr(struct, name) is not value:
            force_setattr(struct, name, value)
    return struct
