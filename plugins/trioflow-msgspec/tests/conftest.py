"""What all tests share. The import makes ``async def`` tests run on Trio."""

from collections.abc import Callable
from typing import Any

import pytest
import trioflow_msgspec
from cattrs import Converter
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

from trioflow.errors import Fault
from trioflow.validation import faults_of, make_converter


@pytest.fixture(scope="session")
def converter() -> Converter:
    """trioflow's converter, with the plugin's hooks."""
    made = make_converter()
    trioflow_msgspec.trioflow_converter(made)
    return made


@pytest.fixture(scope="session")
def faults(converter: Converter) -> Callable[[Any, Any], list[str]]:
    """Return what is wrong with a value for a type, as texts."""

    def find(value: Any, type_: Any) -> list[str]:
        found: list[Fault] = []
        try:
            converter.structure(value, type_)
        except Exception as exc:
            found = faults_of(exc)
        return list(map(str, found))

    return find
