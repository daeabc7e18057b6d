"""What all tests share. The import makes ``async def`` tests run on Trio."""

import os

import pytest
from hypothesis import settings
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

# Files are read here, and a busy machine may take long for one.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def enforced_permissions(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip a test that needs permissions to bind this user; they do not bind root."""
    probe = tmp_path_factory.mktemp("permissions") / "probe"
    probe.touch(mode=0)
    if os.access(probe, os.R_OK):
        pytest.skip("this user may read any file, whatever its permissions")
