"""The process that ends workers if this process is killed."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from multiprocessing import spawn

import trio

from trioflow_process import keeper_main


class Keeper:
    """Starts the program `keeper_main` for the first worker, and tells it of all of them."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program, if it does not run yet."""
        if self._process is None:
            program = [spawn.get_executable(), "-I", "-S", keeper_main.__file__, str(os.getpid())]
            # In a session of its own it gets neither Ctrl-C nor what is sent to our group.
            self._process = subprocess.Popen(
                program, bufsize=0, stdin=subprocess.PIPE, start_new_session=True
            )

    def add(self, pid: int) -> None:
        """Let a worker end with this process."""
        self._tell(pid)

    def remove(self, pid: int) -> None:
        """Note that a worker has ended: another process may get its id."""
        self._tell(-pid)

    async def close(self) -> None:
        """End the keeper. All workers must have been removed."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await trio.to_thread.run_sync(self._process.wait)

    def _tell(self, number: int) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # somebody has killed it
                self._process.stdin.write(b"%d\n" % number)
