"""The process that searches text for an expression, as the program that starts it sees it.

This is how to run what can neither be interrupted nor be trusted to end: in a process that is
killed when its task is canceled, with a limit of its own in case nobody cancels it, and with
plain messages in both directions. For calls that are slow but do end, ``runner="process"`` and
the plugin ``trioflow-process`` do the same without code of yours.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

import trio

from trioflow_files import matching
from trioflow_files.errors import InvalidPatternError, SearchCrashedError, SlowPatternError

LONGEST_LINE = 1024 * 1024
"""Bytes; a longer line is searched in pieces of about this size."""
SECONDS = 10.0
"""Seconds of processor time that the search of one chunk may take."""


class Matcher:
    """A process that searches texts for one expression.

    **Cancellation**: leaving the ``async with`` block kills the process, also while it searches.
    """

    def __init__(self, pattern: str, *, seconds: float = SECONDS) -> None:
        """Search for a regular expression.

        Args:
          seconds: Seconds of processor time that the search of one chunk may take.
        """
        self._pattern = pattern
        self._seconds = seconds
        self._process: trio.Process | None = None

    async def __aenter__(self) -> Self:
        """Start the process.

        Raises:
          InvalidPatternError: if the expression is invalid.
          SlowPatternError: if compiling it takes too long.
        """
        command = [sys.executable, "-I", "-S", matching.__file__]
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        self._process = await trio.lowlevel.open_process(
            command, stdin=pipe, stdout=pipe, stderr=nowhere
        )
        try:
            await self._compile()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end()

    async def search(self, chunk: bytes) -> list[matching.Found]:
        """Return the matches in the lines that end in a chunk of a text.

        Args:
          chunk: The next bytes of the text; empty at its end. The next text may follow then.

        Raises:
          SlowPatternError: if it takes too long.
          SearchCrashedError: if the process ends for another reason, such as a lack of memory.
        """
        return [matching.Found(*match) for match in await self._ask(chunk)]

    async def _compile(self) -> None:
        parameters = {
            "pattern": self._pattern,
            "seconds": self._seconds,
            "longest": LONGEST_LINE,
        }
        problem = await self._ask(json.dumps(parameters).encode())
        if problem is not None:
            remedy = "give it a regular expression of Python's re"
            raise InvalidPatternError("pattern", self._pattern, problem, remedy)

    async def _ask(self, message: bytes) -> Any:
        process = self._process
        assert process is not None  # it is open
        assert process.stdin is not None
        try:
            await process.stdin.send_all(matching.LENGTH.pack(len(message)) + message)
            (length,) = matching.LENGTH.unpack(await self._receive(matching.LENGTH.size))
            return json.loads(await self._receive(length))
        except (trio.BrokenResourceError, EOFError):
            raise self._end_of(await process.wait()) from None

    async def _receive(self, count: int) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        received = b""
        while len(received) < count:
            piece = await self._process.stdout.receive_some(count - len(received))
            if not piece:
                raise EOFError
            received += piece
        return received

    def _end_of(self, code: int) -> Exception:
        """Return the error for a process that has ended by itself."""
        if sys.platform != "win32" and code == -signal.SIGVTALRM:
            return SlowPatternError(self._pattern, self._seconds)
        return SearchCrashedError(self._pattern, code)

    async def _end(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    await stream.aclose()
