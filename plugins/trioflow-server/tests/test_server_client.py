"""Mastra's own client from npm against ours, in all agreed scenarios."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .checking import HERE, RECORDED
from .npm import installed

pytestmark = [pytest.mark.npm, pytest.mark.slow]


@pytest.fixture(scope="module")
def client() -> Path:
    """Install the client, or skip where that cannot be done."""
    return installed("client-js", "@mastra/client-js@1.47.0")


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """Serve the agreed workflows in a process of their own."""
    command = [sys.executable, str(HERE / "serve_scenarios.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()
        process.wait(20)


def test_the_client_sees_what_it_saw_at_the_recorded_server(client: Path, base_url: str) -> None:
    done = subprocess.run(
        ["node", str(RECORDED / "client-check.mjs"), base_url],
        env={**os.environ, "CLIENT_DIR": str(client)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    passed, total = done.stdout.splitlines()[-1].removeprefix("scenarios ").split("/")
    assert passed == total


def test_the_client_keeps_schedules(client: Path, base_url: str) -> None:
    done = subprocess.run(
        ["node", str(HERE / "schedules-client.mjs"), base_url],
        env={**os.environ, "CLIENT_DIR": str(client)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
