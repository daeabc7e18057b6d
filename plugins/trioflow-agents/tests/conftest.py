"""What all tests share. The import makes ``async def`` tests run on Trio."""

from __future__ import annotations

import pytest
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean, also where this plugin is tested alone."""
    config.addinivalue_line("markers", "slow: takes long")
    config.addinivalue_line("markers", "real_model: asks a language model on this machine")
