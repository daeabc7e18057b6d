"""The one form of a type: its validator, its serializer, and the schema that both come from."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import attrs
from cattrs import Converter
from pydantic import BaseModel, TypeAdapter
from pydantic_core import ArgsKwargs, SchemaSerializer, SchemaValidator

from trioflow_pydantic.parties import read_with
from trioflow_pydantic.tailoring import Tailor


@attrs.frozen(eq=False, slots=False)
class OneForm:
    """Reads and writes the values of one type."""

    schema: Any
    """The tailored core schema."""

    @functools.cached_property
    def _validator(self) -> SchemaValidator:
        return SchemaValidator(self.schema, _use_prebuilt=False)

    @functools.cached_property
    def _serializer(self) -> SchemaSerializer:
        return SchemaSerializer(self.schema, _use_prebuilt=False)

    def read(self, value: Any) -> Any:
        """Return the value that JSON, or a Python value, stands for; strictly.

        Raises:
          ValidationError: if it does not fit.
        """
        return read_with(self._validator, value)

    def make(self, cls: Any, parts: Any) -> Any:
        """Return an instance of a class from Python values of its fields, by key.

        Raises:
          ValidationError: if they do not fit.
        """
        is_dataclass = dataclasses.is_dataclass(cls)
        if not is_dataclass:
            return self.read(parts)
        # Strictly, a dataclass is read from JSON or by its constructor.
        given, made = ArgsKwargs((), dict(parts)), object.__new__(cls)
        self._validator.validate_python(
            given, self_instance=made, strict=True, by_alias=True, by_name=False
        )
        return made

    def write(self, value: Any, fallback: Any, *, exclude_unset: bool = False) -> Any:
        """Return the JSON of a value.

        Raises:
          ValueError: if it has none.
        """
        return self._serializer.to_python(
            value,
            mode="json",
            by_alias=True,
            round_trip=True,
            exclude_unset=exclude_unset,
            warnings="none",
            fallback=fallback,
        )


def form_of(type_: Any, converter: Converter | None) -> OneForm:
    """Return the form of a type.

    Raises:
      PydanticUndefinedAnnotation: if an annotation has an undefined name.
      TypeError: if it has fields that cannot be written.
    """
    return OneForm(Tailor(converter).tailor(core_schema_of(type_)))


def core_schema_of(type_: Any) -> Any:
    """Return Pydantic's core schema of a type.

    Raises:
      PydanticUndefinedAnnotation: if an annotation has an undefined name.
    """
    if isinstance(type_, type) and issubclass(type_, BaseModel):
        type_.model_rebuild()
        return type_.__pydantic_core_schema__
    return TypeAdapter(type_).core_schema
