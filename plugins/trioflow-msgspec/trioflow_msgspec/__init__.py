"""A trioflow plugin for msgspec Structs as types of steps, tools and workflows.

There is nothing to import from here: once the distribution is installed, trioflow finds the
two hooks at the end by their entry point, and Structs work like any other type.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from trioflow import hookimpl
from trioflow.validation import register_shape
from trioflow_msgspec.constraints import checker, has_constraints
from trioflow_msgspec.fields import is_struct
from trioflow_msgspec.raw import is_raw, read_raw, write_raw
from trioflow_msgspec.reading import Readers
from trioflow_msgspec.recording import shape_of
from trioflow_msgspec.schemas import annotated_schema, schema_of
from trioflow_msgspec.writing import writer

if TYPE_CHECKING:
    from cattrs import Converter


@hookimpl
def trioflow_converter(converter: Converter) -> None:
    """Register hooks for Structs, ``Meta`` constraints and ``Raw``."""
    converter.register_structure_hook_factory(is_struct, Readers().reader)
    converter.register_structure_hook_factory(has_constraints, checker)
    converter.register_unstructure_hook_factory(is_struct, writer)
    converter.register_structure_hook_func(is_raw, read_raw)
    converter.register_unstructure_hook_func(is_raw, write_raw)
    register_shape(converter, is_struct, shape_of)


@hookimpl
def trioflow_schema(type_: Any) -> Mapping[str, Any] | None:
    """Return the schema of Structs and of types with ``Meta``."""
    if typing.get_origin(type_) is Annotated:
        return annotated_schema(type_) if has_constraints(type_) else None
    if type_ is msgspec.Raw:
        return {}
    return schema_of(type_) if is_struct(type_) else None
