"""What all tests share. The import makes ``async def`` tests run on Trio."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

from .traces import Measures, Traces


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean, also where this plugin is tested alone."""
    config.addinivalue_line("markers", "slow: takes long")


@pytest.fixture
def traces() -> Iterator[Traces]:
    """Traces that nobody else writes to."""
    traces = Traces()
    yield traces
    traces.provider.shutdown()


@pytest.fixture
def measures() -> Iterator[Measures]:
    """Metrics that nobody else writes to."""
    measures = Measures()
    yield measures
    measures.provider.shutdown()
