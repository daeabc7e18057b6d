"""Validates JSON under a JSON Schema, as strictly as trioflow reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]
from jsonschema.validators import extend  # type: ignore[import-untyped]

from trioflow.describe._schema import SCALARS
from trioflow.testing._converters.values import same_json

FORMS = [schema for schema in SCALARS.values() if schema["type"] == "string" and len(schema) > 1]
"""The schemas by which trioflow describes strings in the format of a date, a number, ..."""
TYPES = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
"""For trioflow, 1.0 is not an integer; for JSON Schema it is."""

Found = Iterator[ValidationError]


@attrs.frozen
class Verdict:
    """The verdict of a schema on a JSON value."""

    is_valid: bool
    problem: str
    """Why the value is invalid."""
    forms: frozenset[str]
    """The strings in the value for which the schema requires a format.

    Only the hooks can decide whether one of them fits, and how else it may be spelled.
    """


class Judge:
    """Judges whether JSON is valid under one schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._forms: set[str] = set()
        keywords = {"type": self._type, "enum": _enum, "const": _const}
        self._validator = extend(Draft202012Validator, keywords, type_checker=TYPES)(schema)

    def __call__(self, json: Any) -> Verdict:
        self._forms.clear()
        # Collect all errors, so that every string is visited.
        errors = list(self._validator.iter_errors(json))
        problem = f"{errors[0].json_path}: {errors[0].message}" if errors else ""
        return Verdict(not errors, problem, frozenset(self._forms))

    def _type(self, validator: Any, types: Any, instance: Any, schema: Mapping[str, Any]) -> Found:
        if isinstance(instance, str) and _is_form(schema):
            self._forms.add(instance)
        check: Callable[..., Found] = Draft202012Validator.VALIDATORS["type"]
        yield from check(validator, types, instance, schema)


def _is_form(schema: Mapping[str, Any]) -> bool:
    known = any(form.items() <= schema.items() for form in FORMS)
    return known or not schema.keys().isdisjoint(("format", "pattern", "contentEncoding"))


def _enum(validator: Any, options: Any, instance: Any, schema: Any) -> Found:
    if not any(same_json(option, instance) for option in options):
        yield ValidationError(f"{instance!r} is not one of {options!r}")


def _const(validator: Any, option: Any, instance: Any, schema: Any) -> Found:
    if not same_json(option, instance):
        yield ValidationError(f"{instance!r} is not {option!r}")
