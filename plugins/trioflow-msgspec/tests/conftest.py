"""What all tests share. The import makes ``async def`` tests run on Trio."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import trioflow_msgspec
from cattrs import Converter
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

from trioflow.describe import json_schema
from trioflow.validation import faults_of, make_converter, to_json

Agree = Callable[..., None]


@pytest.fixture(scope="session")
def converter() -> Converter:
    """trioflow's converter, with the plugin's hooks."""
    made = make_converter()
    trioflow_msgspec.trioflow_converter(made)
    return made


@pytest.fixture(scope="session")
def agree(converter: Converter) -> Agree:
    """Check that values and JSON of a type are written, read and described alike."""

    def check(type_: Any, values: Iterable[Any] = (), *jsons: Any) -> None:
        found = [*_of_values(converter, type_, values), *_of_jsons(converter, type_, jsons)]
        assert not found, "\n".join(found)

    return check


def _validator(type_: Any) -> Draft202012Validator:
    checker = Draft202012Validator.FORMAT_CHECKER
    schema = json_schema(type_, plugins=[trioflow_msgspec])
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=checker)


def _of_values(converter: Converter, type_: Any, values: Iterable[Any]) -> Iterator[str]:
    is_valid = _validator(type_).is_valid
    for value in values:
        written = json.loads(json.dumps(to_json(value, "", converter)))
        if not is_valid(written):
            yield f"{value!r} is written as {written!r}, which is invalid"
        again = converter.structure(written, type_)
        if again != value or type(again) is not type(value):
            yield f"{value!r} is written as {written!r}, and read back as {again!r}"


def _of_jsons(converter: Converter, type_: Any, jsons: Iterable[Any]) -> Iterator[str]:
    is_valid = _validator(type_).is_valid
    for given in jsons:
        try:
            converter.structure(given, type_)
        except Exception as exc:
            if is_valid(given):
                yield f"{given!r} is valid, but refused: {faults_of(exc)}"
        else:
            if not is_valid(given):
                yield f"{given!r} is accepted, but invalid"
