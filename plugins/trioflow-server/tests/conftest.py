"""What all tests share. The import makes ``async def`` tests run on Trio."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

settings.register_profile(
    "server", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60
)
settings.load_profile("server")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean, also where this plugin is tested alone."""
    config.addinivalue_line("markers", "slow: takes long")
    config.addinivalue_line("markers", "npm: needs Node.js, npm and its registry")
