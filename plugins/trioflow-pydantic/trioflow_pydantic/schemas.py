"""Models as JSON Schema: what Pydantic says of them, with references that trioflow fills in.

It says what `reading` does: keys are the names of fields, and unknown ones are not allowed
unless the model says what becomes of them.
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
"""Under this key stands the number of a type that trioflow describes."""


def schema_of(cls: type[BaseModel]) -> Schema:
    """Return the JSON Schema of a model; other models in it stand as types under ``$ref``."""
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
    if reference is not None:  # the model contains itself, so that it is among its definitions
        targets[reference] = cls
        schema = own[reference.removeprefix(PREFIX)]
    rest = {name: each for name, each in own.items() if PREFIX + name not in targets}
    filled = _fill({**schema, **({"$defs": rest} if rest else {})}, targets, generator.types)
    return dict(filled)


def _fill(part: Any, targets: Mapping[str, Any], types: list[Any]) -> Any:
    """Put the types in the place of references to them."""
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
    """Pydantic's own, but only for one model at a time."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def __init__(self, cls: type[BaseModel]) -> None:
        super().__init__(by_alias=False, ref_template=PREFIX + "{model}")
        self.cls = cls
        self.types: list[Any] = []

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Describe the model itself, and leave others to be described by themselves."""
        cls = schema["cls"]
        if cls is not self.cls:
            return self._type(cls)
        described = super().model_schema(schema)
        if described.get("type") == "object" and not cls.model_config.get("extra"):
            described["additionalProperties"] = False
        return described

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        """Leave a class that Pydantic knows nothing of to others, too."""
        return self._type(schema["cls"])

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Leave out the mapping of tags, whose references nobody fills in."""
        described = super().tagged_union_schema(schema)
        described.get("discriminator", {}).pop("mapping", None)
        return described

    def set_schema(self, schema: core_schema.SetSchema) -> JsonSchemaValue:
        """Allow an item twice, as reading does, to Pydantic as well as to trioflow."""
        return _without_uniqueness(super().set_schema(schema))

    def frozenset_schema(self, schema: core_schema.FrozenSetSchema) -> JsonSchemaValue:
        """Allow an item twice, too."""
        return _without_uniqueness(super().frozenset_schema(schema))

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """Say of strings what trioflow says of those that are numbers."""
        described = super().decimal_schema(schema)
        for arm in described.get("anyOf", ()):
            if arm.get("type") == "string":
                arm.setdefault("description", "a decimal number")
        return described

    def handle_invalid_for_json_schema(
        self, schema: core_schema.CoreSchema, error_info: str
    ) -> JsonSchemaValue:
        """Say nothing of what has no JSON form, as trioflow does."""
        return {}

    def _type(self, cls: Any) -> JsonSchemaValue:
        self.types.append(cls)
        return {TYPE: len(self.types) - 1}


def _without_uniqueness(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {key: value for key, value in schema.items() if key != "uniqueItems"}
