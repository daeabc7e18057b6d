"""Run the program of an engine, and ask it for samples."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any

import attrs
import trio

from benchmarks.peers.engines import Engine
from benchmarks.peers.environments import UnavailableError, last_line

ROOT = Path(__file__).parents[2]
STARTING_SECONDS = 90
"""How long a program may take to start, with the server that it may need."""
LEAVING_SECONDS = 10
"""How long a program gets to end by itself, such as to stop its server."""


@attrs.define
class Program:
    """A program that measures an engine, in a process of its own."""

    versions: dict[str, str] = attrs.field(init=False)
    python: str = attrs.field(init=False)
    cannot: dict[str, str] = attrs.field(init=False)
    """Why it cannot do a workload, by its id."""
    _process: trio.Process
    _errors: IO[bytes]
    _received: bytes = b""

    async def sample(self, workload: str) -> float:
        """Let it do a workload once, and return the seconds that took.

        Raises:
          UnavailableError: if it fails.
        """
        assert self._process.stdin is not None
        with suppress(trio.BrokenResourceError):  # it has ended, as its answer will show
            await self._process.stdin.send_all(workload.encode() + b"\n")
        return float((await self._answer())["seconds"])

    async def hear(self) -> None:
        """Hear what it can do, which it says first."""
        hello = await self._answer()
        self.versions, self.python = hello["versions"], hello["python"]
        self.cannot = hello["cannot"]

    async def _answer(self) -> Any:
        assert self._process.stdout is not None
        while b"\n" not in self._received:
            piece = await self._process.stdout.receive_some()
            if not piece:
                raise UnavailableError("failed: " + last_line(_end_of(self._errors)))
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        return json.loads(line)


@asynccontextmanager
async def open_program(engine: Engine, python: Path) -> AsyncGenerator[Program, None]:
    """Start the program of an engine; nothing that it started outlives the block.

    Raises:
      UnavailableError: if it cannot be started.

    **Cancellation**: ends the program at once, with all that it started.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as errors:
        process = await trio.lowlevel.open_process(
            [str(python), "-m", engine.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": folder},
            start_new_session=True,  # a group of processes, to be ended together
        )
        program = Program(process, errors)
        try:
            with trio.move_on_after(STARTING_SECONDS) as scope:
                await program.hear()
            if scope.cancelled_caught:
                raise UnavailableError(f"did not start within {STARTING_SECONDS} s")
            yield program
            await _let_end(process)
        finally:
            _end_group(process)
            with trio.CancelScope(shield=True):
                await process.wait()


def _end_of(file: IO[bytes]) -> str:
    # Without a seek: the process that writes the file has its position in common with us.
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), 4096, max(0, size - 4096)).decode(errors="replace")


async def _let_end(process: trio.Process) -> None:
    assert process.stdin is not None
    await process.stdin.aclose()
    with trio.move_on_after(LEAVING_SECONDS):
        await process.wait()


def _end_group(process: trio.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
