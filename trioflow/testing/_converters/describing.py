"""Promises about schemas: they are complete, and describe exactly what is read and written."""

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
    """Check the schemas themselves, and that each reference has a definition."""
    for each in bench.types if bench.describes else ():
        check_whole(type_name(each.type), bench.schema(each.type))


def check_whole(name: str, schema: dict[str, Any]) -> None:
    """Check a schema itself, and that each reference has a definition."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        raise AssertionError(f"the schema of {name} is invalid: {exc.message}") from exc
    if not is_json(schema):
        raise AssertionError(f"the schema of {name} is not JSON: {shortened(schema)}")
    defined = {PREFIX + key for key in schema.get("$defs", {})}
    referred = {part["$ref"] for part in _objects(schema) if isinstance(part.get("$ref"), str)}
    if defined != referred:
        missing, unused = sorted(referred - defined), sorted(defined - referred)
        problem = f"undefined references {missing} and unused definitions {unused}"
        raise AssertionError(f"the schema of {name} has {problem}")


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
            raise AssertionError(f"the schema of all types has {shortened(text)} {count} times")


def _objects(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from _objects(item)


def written_is_valid(bench: Bench, type_: Any, value: Any) -> None:
    """Check the JSON that a value is written as."""
    written = bench.write(value)
    verdict = bench.verdict(type_, written)
    if verdict is not None and not verdict.is_valid:
        name = type_name(type_)
        raise AssertionError(f"a {name} is written as {shortened(written)}: {verdict.problem}")


def read_is_valid(bench: Bench) -> None:
    """Check the accepted examples and variants."""
    for each in bench.types:
        for given, _ in each.reads:
            if is_json(given):
                _check_valid(bench.try_json(each.type, given))
    _check_each_valid(bench)


def _check_valid(trial: Trial) -> None:
    if isinstance(trial.outcome, Taken) and trial.verdict and not trial.verdict.is_valid:
        raise AssertionError(f"{trial} is accepted, but invalid: {trial.verdict.problem}")


_check_each_valid = of_each_trial(_check_valid)


def valid_is_read(bench: Bench) -> None:
    """Check the refused examples and variants."""
    for each in bench.types:
        for given, *_ in each.refuses:
            verdict = bench.verdict(each.type, given) if is_json(given) else None
            if verdict is not None and verdict.is_valid:
                name = type_name(each.type)
                raise AssertionError(f"{shortened(given)} is refused as {name}, but valid")
    _check_each_read(bench)


def _check_read(trial: Trial) -> None:
    if isinstance(trial.outcome, Taken) or not (trial.verdict and trial.verdict.is_valid):
        return
    # Only the hooks can decide whether a string has a required format.
    if not trial.verdict.undecided.intersection(_strings(trial)):
        raise AssertionError(f"{trial} is valid, but refused: {trial.outcome}")


def _strings(trial: Trial) -> Collection[str]:
    """Return the strings that may be the reason for a refusal."""
    if trial.variant is None:
        return trial.verdict.undecided if trial.verdict else ()
    new = trial.variant.new
    return {each for each in (new if isinstance(new, list) else [new]) if isinstance(each, str)}


_check_each_read = of_each_trial(_check_read)


def types_have_one_meaning(bench: Bench) -> None:
    """Check generated types."""
    if bench.generated is not None:
        from trioflow.testing._converters import agreeing

        agreeing.check_types(bench, bench.generated)


SCHEMAS = (
    Promise("schemas are complete and valid JSON Schema (draft 2020-12)", schemas_are_whole),
    Promise("a class is described once", classes_are_described_once),
)
"""Promises that the other promises about schemas rely on."""
PROMISES = (
    Promise("written JSON is valid under the schema", of_each_value(written_is_valid)),
    Promise("accepted JSON is valid under the schema", read_is_valid),
    Promise("JSON that is valid under the schema is accepted", valid_is_read),
)
GENERATED = (
    Promise("generated types are read, written and described alike", types_have_one_meaning),
)
