"""The JSON Schema of models, from Pydantic, with references that trioflow resolves.

It describes what `reading` accepts: keys are the names of fields, and unknown keys are not
allowed unless the model sets ``extra``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from pydantic.json_schema import GenerateJsonSchema, JsonRef, JsonSchemaValue
from pydantic_core import core_schema

from trioflow_pydantic.aliases import describe_keys
from trioflow_pydantic.forms import form_of
from trioflow_pydantic.keys import KEY, NAMES, names_for, names_of_foreign
from trioflow_pydantic.parties import CHECKED, FOREIGN, Part, is_bounded_set, part_in
from trioflow_pydantic.tailoring import AFTER_PYTHON

Schema: TypeAlias = dict[str, Any]

PREFIX = "#/$defs/"
TYPE = "trioflow-type"
"""The key of the number of a type that trioflow describes."""


def schema_of(cls: Any) -> Schema:
    """Return the JSON Schema of a type; other models in it are types under ``$ref``.

    Raises:
      PydanticUndefinedAnnotation: if an annotation has an undefined name.
      TypeError: if it has fields that cannot be written.
    """
    generator = _Generator(cls)
    schema = generator.generate(form_of(cls, None).schema, mode="validation")
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
    """Pydantic's generator, restricted to one class and to a tailored core schema."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def __init__(self, cls: Any) -> None:
        super().__init__(by_alias=False, ref_template=PREFIX + "{model}")
        self.cls = cls
        self.types: list[Any] = []

    # ------------------------------------------------------------ classes
    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Describe the model itself, and refer to other models."""
        if schema["cls"] is not self.cls:
            return self._type(schema["cls"])
        return _closed(super().model_schema(schema), schema)

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        """Describe a dataclass, or refer to another one of Pydantic."""
        cls: Any = schema["cls"]
        is_theirs = "__pydantic_validator__" in vars(cls) and not hasattr(cls, "__parameters__")
        if is_theirs and cls is not self.cls:
            return self._type(cls)
        return _closed(super().dataclass_schema(schema), schema)

    def field_is_present(self, field: Any) -> bool:
        """Return whether a field can be given."""
        return field.get("init", True) and super().field_is_present(field)

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        """Describe a TypedDict under all keys of its fields."""
        return describe_keys(super().typed_dict_schema(schema), schema["fields"])

    # ------------------------------------------------------------ nodes of `parties` and `keys`
    def function_plain_schema(
        self, schema: core_schema.PlainValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """Refer to types of trioflow, and describe parts that are read alone."""
        node = cast("Mapping[str, Any]", schema)
        type_, part, key = (part_in(node, name) for name in (FOREIGN, CHECKED, KEY))
        if type_ is not None:
            return self._type(type_)
        if part is not None:
            return self._part(part)
        if key is not None:
            return self.generate_inner(key.part.node)
        return super().function_plain_schema(schema)

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        """Refer to a class that Pydantic does not support."""
        return self._type(schema["cls"])

    def _part(self, part: Part) -> JsonSchemaValue:
        described = self.generate_inner(part.node)
        if part.pattern is None:
            return described
        if "anyOf" in described:  # a decimal: a number, or a string
            arms = [
                {**arm, "pattern": part.pattern} if arm.get("type") == "string" else arm
                for arm in described["anyOf"]
            ]
            return {**described, "anyOf": arms}
        return {**described, "pattern": part.pattern}

    # ------------------------------------------------------------ other nodes
    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        """Describe a node, and also what its own serializer writes, if its validator reads it."""
        described = super().generate_inner(schema)
        serializer = None if _is_ours(schema) else _serializer_of(schema)
        if serializer is None:
            return described
        written = self.ser_schema(serializer)
        return described if written in (None, {}, described) else {"anyOf": [described, written]}

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        """Describe a date and time; the format requires a time zone."""
        format_ = {} if schema.get("tz_constraint") in (None, "naive") else {"format": "date-time"}
        return {"type": "string", **format_}

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        """Describe a time; the format requires a time zone."""
        return {"type": "string", "description": "a time"}

    def date_schema(self, schema: core_schema.DateSchema) -> JsonSchemaValue:
        """Describe a date."""
        return {"type": "string", "format": "date"}

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:
        """Describe a duration; the format does not allow fractions and signs."""
        return {"type": "string", "description": "an ISO 8601 duration"}

    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchemaValue:
        """Describe a string; its length is not that of the bytes."""
        return {"type": "string"}

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Omit the mapping of tags, whose references are not resolved."""
        described = super().tagged_union_schema(schema)
        described.get("discriminator", {}).pop("mapping", None)
        return described

    def set_schema(self, schema: core_schema.SetSchema) -> JsonSchemaValue:
        """Allow duplicate items, as Pydantic and trioflow do when reading, in sets of any size."""
        return _with_uniqueness(super().set_schema(schema), schema)

    def frozenset_schema(self, schema: core_schema.FrozenSetSchema) -> JsonSchemaValue:
        """Describe a frozenset like a set."""
        return _with_uniqueness(super().frozenset_schema(schema), schema)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Describe a dict, with the strings of its keys."""
        return self._mapping(super().dict_schema(schema), schema)

    def ordered_dict_schema(self, schema: core_schema.OrderedDictSchema) -> JsonSchemaValue:
        """Describe an OrderedDict like a dict."""
        return self._mapping(super().ordered_dict_schema(schema), schema)

    def counter_schema(self, schema: core_schema.CounterSchema) -> JsonSchemaValue:
        """Describe a Counter like a dict."""
        return self._mapping(super().counter_schema(schema), schema)

    def frozendict_schema(self, schema: core_schema.FrozenDictSchema) -> JsonSchemaValue:
        """Describe a frozendict like a dict."""
        return self._mapping(super().frozendict_schema(schema), schema)

    def _mapping(self, described: JsonSchemaValue, schema: Any) -> JsonSchemaValue:
        described = {k: v for k, v in described.items() if k != "patternProperties"}
        values, keys = schema.get("values_schema"), schema.get("keys_schema")
        described["additionalProperties"] = self.generate_inner(values) if values else True
        if keys is not None:
            names = names_for(keys, self.generate_inner(keys), self._resolved)
            described.pop("propertyNames", None)
            if names not in ({}, {"type": "string"}):
                described["propertyNames"] = names
        return described

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a schema with what it refers to in it."""
        while "$ref" in schema:
            found = self.get_schema_from_definitions(JsonRef(schema["$ref"]))
            if found is None:  # it is being described right now, so no string stands for it
                break
            schema = {**found, **{key: at for key, at in schema.items() if key != "$ref"}}
        if TYPE in schema:
            return {NAMES: names_of_foreign(self.types[schema[TYPE]])}
        return schema

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


def _closed(described: JsonSchemaValue, schema: Mapping[str, Any]) -> JsonSchemaValue:
    """Return the schema of a class that says which keys it has."""
    fields = schema["schema"]
    while "fields" not in fields and "schema" in fields:  # validators of the whole
        fields = fields["schema"]
    if described.get("type") != "object" or "fields" not in fields:
        return described
    if schema["config"]["extra_fields_behavior"] == "forbid":
        described["additionalProperties"] = False
    named = fields["fields"]
    named = named if isinstance(named, dict) else {each["name"]: each for each in named}
    return describe_keys(described, named)


def _serializer_of(node: Any) -> Any:
    """Return the serializer of a node whose validator may read what that writes, if any."""
    if node["type"] == "model" and node["schema"]["type"] in AFTER_PYTHON:
        return node.get("serialization")
    if not node["type"].startswith("function-"):
        return None
    while "serialization" not in node and "schema" in node:
        node = node["schema"]
    part = part_in(node, CHECKED)
    return (node if part is None else part.node).get("serialization")


def _is_ours(node: Mapping[str, Any]) -> bool:
    return any(part_in(node, name) is not None for name in (FOREIGN, CHECKED, KEY))


def _with_uniqueness(described: JsonSchemaValue, schema: Any) -> JsonSchemaValue:
    if is_bounded_set(schema):
        return described
    return {key: value for key, value in described.items() if key != "uniqueItems"}
