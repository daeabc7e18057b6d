"""Promises about schemas: they are whole, and say what is taken and written, nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

from trioflow._values.structure import type_name
from trioflow.testing._converters.bench import Bench, Promise, Taken, Trial
from trioflow.testing._converters.each import of_each_trial, of_each_value
from trioflow.testing._converters.values import is_json, shortened

PREFIX = "#/$defs/"


def schemas_are_whole(bench: Bench) -> None:
    """Check the schemas themselves, and that each reference leads to a definition."""
    for each in bench.types if bench.describes else ():
        name, schema = type_name(each.type), bench.schema(each.type)
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as exc:
            raise AssertionError(f"that of {name} is none: {exc.message}") from exc
        if not is_json(schema):
            raise AssertionError(f"that of {name} is no JSON: {shortened(schema)}")
        defined = {PREFIX + key for key in schema.get("$defs", {})}
        referred = {part["$ref"] for part in _objects(schema) if isinstance(part.get("$ref"), str)}
        if defined != referred:
            told = f"{sorted(referred - defined)} lead nowhere, {sorted(defined - referred)} unused"
            raise AssertionError(f"of the references in that of {name} {told}")


def classes_are_described_once(bench: Bench) -> None:
    """Check that a class has one definition, however many types name it."""
    if not bench.describes:
        return
    schema = bench.schema(tuple[tuple(each.type for each in bench.types)])  # type: ignore[misc]
    described = Counter(
        json.dumps(part, sort_keys=True)
        for part in _objects(schema)
        if "title" in part and ("properties" in part or "prefixItems" in part)
    )
    for text, count in described.items():
        if count > 1:
            raise AssertionError(f"in the schema of all types {shortened(text)} is {count} times")


def _objects(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from _objects(item)


def written_is_valid(bench: Bench, type_: Any, value: Any) -> None:
    """Check what is written of a value."""
    written = bench.write(value)
    verdict = bench.verdict(type_, written)
    if verdict is not None and not verdict.is_valid:
        name = type_name(type_)
        raise AssertionError(f"a {name} is written as {shortened(written)}: {verdict.problem}")


def read_is_valid(bench: Bench) -> None:
    """Check what is taken, of examples and of variants."""
    for each in bench.types:
        for given, _ in each.reads:
            if is_json(given):
                _check_valid(bench.try_json(each.type, given))
    _check_each_valid(bench)


def _check_valid(trial: Trial) -> None:
    if isinstance(trial.outcome, Taken) and trial.verdict and not trial.verdict.is_valid:
        raise AssertionError(f"{trial} is taken, but {trial.verdict.problem}")


_check_each_valid = of_each_trial(_check_valid)


def valid_is_read(bench: Bench) -> None:
    """Check what is refused, of examples and of variants."""
    for each in bench.types:
        for given, *_ in each.refuses:
            verdict = bench.verdict(each.type, given) if is_json(given) else None
            if verdict is not None and verdict.is_valid:
                name = type_name(each.type)
                raise AssertionError(f"{shortened(given)} is refused for {name}, but is valid")
    _check_each_read(bench)


def _check_read(trial: Trial) -> None:
    if isinstance(trial.outcome, Taken) or not (trial.verdict and trial.verdict.is_valid):
        return
    # Of a string that must look like something, only the hooks can tell whether it does.
    if not trial.forms.intersection(_strings(trial)):
        raise AssertionError(f"{trial} is valid, but is refused: {trial.outcome}")


def _strings(trial: Trial) -> Collection[str]:
    """Return the strings because of which it may be refused."""
    if trial.variant is None:
        return trial.forms
    new = trial.variant.new
    return {each for each in (new if isinstance(new, list) else [new]) if isinstance(each, str)}


_check_each_read = of_each_trial(_check_read)

SCHEMAS = (
    Promise("schemas are JSON Schema (draft 2020-12) and whole", schemas_are_whole),
    Promise("a class is described once", classes_are_described_once),
)
"""What all others build on that look at schemas."""
PROMISES = (
    Promise("what is written is valid under the schema", of_each_value(written_is_valid)),
    Promise("what is read is valid under the schema", read_is_valid),
    Promise("what is valid under the schema is read", valid_is_read),
)
