"""What all tests share. The import makes ``async def`` tests run on Trio."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

from .forking import Forks, open_forks

# A shell that starts the tests in the background has them ignore SIGINT, and so would the servers
# that they end with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean, also where this plugin is tested alone."""
    config.addinivalue_line("markers", "slow: takes long")


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Forks programs that need the SDK of MCP, which takes seconds to import."""
    with open_forks() as opened:
        yield opened
