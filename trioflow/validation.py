"""Helpers for ``trioflow_converter`` hooks that are as strict as trioflow itself."""

from trioflow._forms.shapes import Shape, ShapeField, register_shape
from trioflow._public import publish
from trioflow._values.structure import (
    as_mapping,
    faults_of,
    fields_of,
    make_converter,
    type_name,
    wrong_type,
)
from trioflow.wire._values import to_json

__all__ = [
    "Shape",
    "ShapeField",
    "as_mapping",
    "faults_of",
    "fields_of",
    "make_converter",
    "register_shape",
    "to_json",
    "type_name",
    "wrong_type",
]

publish(__name__, __all__, globals())
