"""A trioflow plugin for Pydantic models as types of steps, tools and workflows.

There is nothing to import from here: once the distribution is installed, trioflow finds the
two hooks at the end by their entry point, and models work like any other type.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import attrs

from trioflow import hookimpl
from trioflow.validation import Shape, register_shape

if TYPE_CHECKING:
    from cattrs import Converter


def is_model(cls: Any) -> bool:
    """Return whether *cls* is a model, with or without type arguments."""
    # A program with models has imported Pydantic. Others should not import it only because
    # this plugin is installed: it would take a fifth of a program's start-up time.
    pydantic = sys.modules.get("pydantic.main")
    return pydantic is not None and isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)


def is_dataclass(cls: Any) -> bool:
    """Return whether *cls* is a dataclass of Pydantic, with or without type arguments."""
    cls = typing.get_origin(cls) or cls
    return isinstance(cls, type) and "__pydantic_validator__" in vars(cls) and not is_model(cls)


def has_fields(cls: Any) -> bool:
    """Return whether *cls* is a model or a dataclass of Pydantic."""
    return is_model(cls) or is_dataclass(cls)


def is_other(cls: Any) -> bool:
    """Return whether *cls* is a type with its own Pydantic schema, but not a model."""
    if not (isinstance(cls, type) and hasattr(cls, "__get_pydantic_core_schema__")):
        return False
    # trioflow has its own forms for these, which must not depend on imports.
    is_known = attrs.has(cls) or dataclasses.is_dataclass(cls) or issubclass(cls, Enum)
    return not is_known and "pydantic" in sys.modules and not is_model(cls)


def is_tagged(type_: Any) -> bool:
    """Return whether *type_* is a union with a discriminator field."""
    if typing.get_origin(type_) is not Annotated or "pydantic" not in sys.modules:
        return False
    from trioflow_pydantic import tags

    return tags.tag_key(type_) is not None


def is_constrained(type_: Any) -> bool:
    """Return whether *type_* is annotated with constraints that Pydantic checks."""
    if typing.get_origin(type_) is not Annotated or "pydantic" not in sys.modules:
        return False
    from trioflow_pydantic import annotated

    return annotated.has_constraints(type_)


@hookimpl
def trioflow_converter(converter: Converter) -> None:
    """Register hooks for models, dataclasses, unions, and types such as ``HttpUrl``."""
    converter.register_structure_hook_factory(has_fields, _class_reader)
    converter.register_unstructure_hook_factory(has_fields, _writer)
    converter.register_structure_hook_factory(is_constrained, _constrained_reader)
    converter.register_structure_hook_factory(is_tagged, _union_reader)
    register_shape(converter, is_model, _shape)
    converter.register_structure_hook_factory(is_other, _reader)
    converter.register_unstructure_hook_factory(is_other, _writer)


@hookimpl
def trioflow_schema(type_: Any) -> Mapping[str, Any] | None:
    """Return the schema of models, dataclasses, and types such as ``HttpUrl``."""
    if typing.get_origin(type_) is Annotated and "pydantic" in sys.modules:
        from trioflow_pydantic import annotated

        return annotated.schema_of(type_) if annotated.is_described(type_) else None
    if not (has_fields(type_) or is_other(type_)):
        return None
    from trioflow_pydantic import schemas

    return schemas.schema_of(type_)


def _class_reader(cls: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    from trioflow_pydantic import forms, reading

    return reading.reader(cls, forms.form_of(cls, converter), converter)


def _union_reader(type_: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    from trioflow_pydantic import tags

    return tags.reader(type_, converter)


def _constrained_reader(type_: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    from trioflow_pydantic import annotated

    return annotated.reader(type_, converter)


def _shape(cls: Any) -> Shape:
    from trioflow_pydantic import recording

    return recording.shape_of(cls)


def _reader(cls: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    from trioflow_pydantic import forms, others

    return others.reader(cls, forms.form_of(cls, converter))


def _writer(cls: Any, converter: Converter) -> Callable[[Any], Any]:
    from trioflow_pydantic import forms, writing

    return writing.writer(cls, forms.form_of(cls, converter), converter)
