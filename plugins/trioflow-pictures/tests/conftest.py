"""What all tests share. The import makes ``async def`` tests run on Trio."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

# Runs are recorded in virtual time, but a busy machine may take long for one.
settings.register_profile(
    "patient", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean, also where this plugin is tested alone."""
    config.addinivalue_line("markers", "slow: takes long")
