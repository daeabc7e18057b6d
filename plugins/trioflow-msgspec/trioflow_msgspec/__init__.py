"""A trioflow plugin for msgspec Structs as types of steps, tools and workflows.

There is nothing to import from here: once the distribution is installed, trioflow finds the
two hooks at the end by their entry point, and Structs work like any other type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trioflow import hookimpl
from trioflow.validation import register_shape
from trioflow_msgspec.constraints import checker, has_constraints
from trioflow_msgspec.fields import is_struct
from trioflow_msgspec.reading import Readers
from trioflow_msgspec.recording import shape_of
from trioflow_msgspec.schemas import schema_of
from trioflow_msgspec.writing import writer

if TYPE_CHECKING:
    from cattrs import Converter


@hookimpl
def trioflow_converter(converter: Converter) -> None:
    """Register hooks for Structs and for ``Meta`` constraints."""
    converter.register_structure_hook_factory(is_struct, Readers().reader)
    converter.register_structure_hook_factory(has_constraints, checker)
    converter.register_unstructure_hook_factory(is_struct, writer)
    register_shape(converter, is_struct, shape_of)


@hookimpl
def trioflow_schema(type_: Any) -> Mapping[str, Any] | None:
    """Return the schema of Structs."""
    return schema_of(type_) if is_struct(type_) else None
