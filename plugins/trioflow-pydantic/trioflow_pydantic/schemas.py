"""The JSON Schema of models, from Pydantic, with references that trioflow resolves.

It describes what `reading` accepts: keys are the names of fields, and unknown keys are not
allowed unless the model sets ``extra``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

Schema: TypeAlias = dict[str, Any]

PREFIX = "#/$defs/"
TYPE = "trioflow-type"
"""The key of the number of a type that trioflow describes."""


def schema_of(cls: type[BaseModel]) -> Schema:
    """Return the JSON Schema of a model; other models in it are types under ``$ref``."""
    cls.model_rebuild()
    generator = _Generator(cls)
    schema = generator.generate(cls.__pydantic_core_schema__, mode="validation")
    own = schema.pop("$defs", {})
    targets: dict[str, Any] = {
        PREFIX + name: generator.types[definition[TYPE]]
        for name, definition in own.items()
        if TYPE in definition
    }
    reference = schema.get("$ref")
    if reference is not None:  # the model contains itself, so it is one of its definitions
        targets[reference] = cls
        schema = own[reference.removeprefix(PREFIX)]
    rest = {name: each for name, each in own.items() if PREFIX + name not in targets}
    filled = _fill({**schema, **({"$defs": rest} if rest else {})}, targets, generator.types)
    return dict(filled)


def _fill(part: Any, targets: Mapping[str, Any], types: list[Any]) -> Any:
    """Replace references to types with the types."""
    if isinstance(part, list):
        return [_fill(item, targets, types) for item in part]
    if not isinstance(part, dict):
        return part
    if TYPE in part:
        rest = {key: value for key, value in part.items() if key != TYPE}
        return {**rest, "$ref": types[part[TYPE]]}
    if isinstance(part.get("$ref"), str):
        return {**part, "$ref": targets.get(part["$ref"], part["$ref"])}
    return {key: _fill(value, targets, types) for key, value in part.items()}


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, restricted to one model."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def __init__(self, cls: type[BaseModel]) -> None:
        super().__init__(by_alias=False, ref_template=PREFIX + "{model}")
        self.cls = cls
        self.types: list[Any] = []

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Describe the model itself, and refer to other models."""
        cls = schema["cls"]
        if cls is not self.cls:
            return self._type(cls)
        described = super().model_schema(schema)
        if described.get("type") == "object" and not cls.model_config.get("extra"):
            described["additionalProperties"] = False
        return described

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        """Refer to a class that Pydantic does not support."""
        return self._type(schema["cls"])

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Omit the mapping of tags, whose references are not resolved."""
        described = super().tagged_union_schema(schema)
        described.get("discriminator", {}).pop("mapping", None)
        return described

    def set_schema(self, schema: core_schema.SetSchema) -> JsonSchemaValue:
        """Allow duplicate items, as Pydantic and trioflow do when reading."""
        return _without_uniqueness(super().set_schema(schema))

    def frozenset_schema(self, schema: core_schema.FrozenSetSchema) -> JsonSchemaValue:
        """Allow duplicate items."""
        return _without_uniqueness(super().frozenset_schema(schema))

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """Describe strings like trioflow's decimal numbers."""
        described = super().decimal_schema(schema)
        for arm in described.get("anyOf", ()):
            if arm.get("type") == "string":
                arm.setdefault("description", "a decimal number")
        return described

    def handle_invalid_for_json_schema(
        self, schema: core_schema.CoreSchema, error_info: str
    ) -> JsonSchemaValue:
        """Return an empty schema for a type without JSON form, as trioflow does."""
        return {}

    def _type(self, cls: Any) -> JsonSchemaValue:
        self.types.append(cls)
        return {TYPE: len(self.types) - 1}


def _without_uniqueness(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {key: value for key, value in schema.items() if key != "uniqueItems"}
