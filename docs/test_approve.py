"""The commands of "Wait for a person" start a run over HTTP, and answer it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parent / "howto" / "approve.md").read_text("utf-8")
PROGRAM = re.compile(r":caption: paying\.py\n\n((?:.*\n)*?)```")
COMMANDS = re.compile(r"^```sh\n((?:.*\n)*?)```", re.MULTILINE)
PATIENCE = 60.0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_start_and_answer_a_run(tmp_path: Path) -> None:
    [program], [commands] = PROGRAM.findall(PAGE), COMMANDS.findall(PAGE)
    (tmp_path / "paying.py").write_text(program, "utf-8")
    served, _, requests = commands.partition("\n")

    with serving(served, tmp_path) as address:
        settings, *calls = requests.replace("http://127.0.0.1:8765", address).split("\ncurl ")
        steps = [f"{settings}\ncurl -s {call}" for call in calls]
        started = shell(steps[0])
        wait_status(address, "suspended")
        shown, _ = shell(steps[1]), shell(steps[2])
        wait_status(address, "success")
        outcome = shell(steps[3])

    assert started["runId"] == "p-1"
    assert shown["steps"]["approve"]["suspendPayload"] == {"pay": 50}
    assert outcome["result"] == "paid"


def shell(command: str) -> Any:
    """Return the JSON that a command prints."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@contextmanager
def serving(command: str, folder: Path) -> Iterator[str]:
    """Run the server on a free port until this is left, and give its address."""
    words = command.removesuffix("&").split()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [*words, "--port", "0"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            address = server.stdout.readline().strip()
            wait_ready(address)
            yield address
        finally:
            server.send_signal(signal.SIGTERM)


def wait_ready(address: str) -> None:
    """Wait until the server answers."""
    wait_until(lambda: read(f"{address}/ready") is not None, "the server is ready")


def wait_status(address: str, status: str) -> None:
    """Wait until the run has a status, as a reader does who looks at its page."""
    run = f"{address}/api/workflows/payment/runs/p-1"
    wait_until(lambda: (read(run) or {}).get("status") == status, f"the run is {status}")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"after {PATIENCE:g} s it is not so that {what}"
        time.sleep(0.1)


def read(address: str) -> Any:
    """Return the JSON at an address, None if nobody answers."""
    try:
        with urllib.request.urlopen(address) as answer:
            return json.loads(answer.read() or "{}")
    except OSError:
        return None
