"""JSON Schemas from users: their parameters, and whether arguments fit them.

jsonschema is imported when the first such schema is used. It is not a dependency of trioflow
itself, because only tools of other programs have such schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from trioflow._signature import Parameter
from trioflow.errors import DefinitionError, Fault

CheckArguments: TypeAlias = Callable[[Mapping[str, Any]], tuple[Fault, ...]]
"""Returns the faults of the arguments of a tool."""


def parameters_of(schema: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Return the properties of a schema of an object as parameters of any type."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return tuple(
        Parameter(name, Any) if name in required else Parameter(name, Any, default=None)
        for name in properties
    )


def check_schema(schema: Any, where: str) -> None:
    """Check that *schema* is a valid JSON Schema of an object.

    Raises:
      DefinitionError: if it is not, or if jsonschema is not installed.
    """
    if not isinstance(schema, Mapping) or schema.get("type", "object") != "object":
        problem = "its schema does not describe an object"
        raise DefinitionError(where, problem, 'use {"type": "object", "properties": {...}}')
    compile_arguments(schema, where)


def compile_arguments(schema: Mapping[str, Any], where: str) -> CheckArguments:
    """Return a function that checks arguments against a schema, without remote references.

    Raises:
      DefinitionError: as `check_schema` does.
    """
    try:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
        from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]
        from jsonschema.validators import validator_for  # type: ignore[import-untyped]
        from referencing import Registry
    except ImportError as exc:
        problem = "arguments with a JSON Schema need the library jsonschema"
        raise DefinitionError(where, problem, "pip install trioflow[schema]") from exc
    cls = validator_for(schema, default=Draft202012Validator)
    try:
        cls.check_schema(schema)
    except SchemaError as exc:
        remedy = "correct it, or set its $schema"
        raise DefinitionError(where, f"its schema is invalid: {exc.message}", remedy) from exc
    validator = cls(schema, registry=Registry())

    def check(arguments: Mapping[str, Any]) -> tuple[Fault, ...]:
        return tuple(
            Fault(_path(error.absolute_path), error.message)
            for error in validator.iter_errors(arguments)
        )

    return check


def _path(parts: Any) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return path.removeprefix(".")
