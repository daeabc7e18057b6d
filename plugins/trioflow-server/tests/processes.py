"""``trioflow serve`` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

PLUGIN = Path(__file__).resolve().parents[1]
TARGETS = tuple(f"tests.flows:{name}" for name in ("approve", "doubled", "slow", "chatty", "told"))


@attrs.frozen
class Served:
    """A running server."""

    process: trio.Process
    url: str

    async def end(self, signum: int = signal.SIGTERM) -> int:
        """Send it a signal, and return its exit code."""
        self.process.send_signal(signum)
        return await self.process.wait()


@asynccontextmanager
async def open_process(
    *options: str, targets: Sequence[str] = TARGETS, store: str = "memory:", cwd: Path = PLUGIN
) -> AsyncGenerator[Served, None]:
    """Run the command while the block runs; kill it afterwards."""
    command = [sys.executable, "-m", "trioflow", "serve", *targets, "--port", "0", *options]
    process = await trio.lowlevel.open_process(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TRIOFLOW_DISABLE": "files,process", "TRIOFLOW_STORE": store},
    )
    assert process.stdout is not None
    try:
        line = b""
        with trio.fail_after(60):
            while not line.endswith(b"\n"):
                piece = await process.stdout.receive_some()
                if not piece:
                    raise EOFError("the server did not start")
                line += piece
        yield Served(process, line.decode().strip())
    finally:
        process.kill()
        await process.wait()
        await process.stdout.aclose()
