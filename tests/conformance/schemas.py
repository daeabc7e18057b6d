"""The schemas of the case format as types of our own, made known to trioflow by a plugin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from trioflow import hookimpl
from trioflow.errors import Fault, FaultsError

from .undefined import UNDEFINED, native

if TYPE_CHECKING:
    from cattrs import Converter

Schema = Mapping[str, Any]


class Checked:
    """Base of the types that stand for a schema. Values stay what they are: plain JSON."""

    schema: Schema


def type_of(schema: Schema | None) -> Any:
    """Return the type that trioflow is given for a schema; Any if there is none."""
    return Any if schema is None else type("Checked", (Checked,), {"schema": schema})


class SchemaPlugin:
    """Teaches trioflow's converter the schemas."""

    @hookimpl
    def trioflow_converter(self, converter: Converter) -> None:
        converter.register_structure_hook_func(
            lambda cls: isinstance(cls, type) and issubclass(cls, Checked),
            lambda value, cls: validated(value, cls.schema),
        )


def validated(value: Any, schema: Schema) -> Any:
    """Return a value as its schema lets it through: with defaults, without unknown keys.

    Where that leaves an empty object, the recording engine goes on with the value itself.

    Raises:
      FaultsError: if the value does not fit.
    """
    faults: list[Fault] = []
    checked = _check(value, schema, "", faults)
    if faults:
        raise FaultsError(tuple(faults))
    return native(value) if checked == {} else checked


def let_through(value: Any, schema: Schema | None) -> Any:
    """Return what a schema makes of a value; the value itself if it does not fit."""
    try:
        return value if schema is None else validated(value, schema)
    except FaultsError:
        return value


def state_type_of(schema: Schema) -> Any:
    """Return the type of a state: a dict whose keys have the types of the schema's."""
    keys = {key: type_of(prop) for key, prop in schema.get("props", {}).items()}
    return TypedDict("State", keys, total=False)  # type: ignore[operator]


def _check(value: Any, schema: Schema, path: str, faults: list[Fault]) -> Any:
    if value is UNDEFINED and "default" in schema:
        return native(schema["default"])
    if value is UNDEFINED and schema.get("optional"):
        return value
    wanted, found = schema["type"], kind_of(value)
    if wanted == "any" and value is UNDEFINED and path:  # a key must be there, whatever it holds
        wanted = "nonoptional"
    if wanted not in ("any", found):
        problem = f"expected {wanted}, received {found}"
        faults.append(Fault(path, problem, wanted, found))
        return value
    if wanted == "object":
        return _check_object(value, schema.get("props", {}), path, faults)
    if wanted == "array":
        items = schema.get("items", {"type": "any"})
        return [_check(item, items, f"{path}[{i}]", faults) for i, item in enumerate(value)]
    return native(value)


def _check_object(
    value: Mapping[str, Any], props: Mapping[str, Schema], path: str, faults: list[Fault]
) -> dict[str, Any]:
    checked = {
        key: _check(value.get(key, UNDEFINED), schema, f"{path}.{key}" if path else key, faults)
        for key, schema in props.items()
    }
    return {key: item for key, item in checked.items() if item is not UNDEFINED}


def kind_of(value: Any) -> str:
    """Return what the schemas call the type of a value."""
    if value is UNDEFINED:
        return "undefined"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "boolean"),
        ((int, float), "number"),
        (str, "string"),
        ((list, tuple), "array"),
        (Mapping, "object"),
    )
    return next((kind for cls, kind in kinds if isinstance(value, cls)), "null")
