"""What all tests share. The import makes ``async def`` tests run on Trio."""

import pytest
import trioflow_msgspec
from cattrs import Converter
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

from trioflow.validation import make_converter


@pytest.fixture(scope="session")
def converter() -> Converter:
    """trioflow's converter, with the plugin's hooks."""
    made = make_converter()
    trioflow_msgspec.trioflow_converter(made)
    return made
