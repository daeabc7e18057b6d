"""Pydantic models as the types of steps, tools and workflows, for trioflow.

There is nothing to import from here: once the distribution is installed, trioflow finds the
two hooks at the end by their entry point, and models are types like any other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trioflow import hookimpl

if TYPE_CHECKING:
    from cattrs import Converter


def is_model(cls: Any) -> bool:
    """Tell whether *cls* is a model, generic ones with their type arguments included."""
    # Who has a model has imported Pydantic; others, who only have this plugin installed, need
    # not wait for that, which would take a fifth of the time in which a program starts.
    pydantic = sys.modules.get("pydantic.main")
    return pydantic is not None and isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)


@hookimpl
def trioflow_converter(converter: Converter) -> None:
    """Read and write models."""
    converter.register_structure_hook_factory(is_model, _reader)
    converter.register_unstructure_hook_factory(is_model, _writer)


@hookimpl
def trioflow_schema(type_: Any) -> Mapping[str, Any] | None:
    """Describe models."""
    if not is_model(type_):
        return None
    from trioflow_pydantic.schemas import schema_of

    return schema_of(type_)


def _reader(cls: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    from trioflow_pydantic.reading import reader

    return reader(cls, converter)


def _writer(cls: Any, converter: Converter) -> Callable[[Any], Any]:
    from trioflow_pydantic.writing import writer

    return writer(cls, converter)
