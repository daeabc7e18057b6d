"""Standard output and error, in order from the first line of a process to the last."""

from __future__ import annotations

import io
import os
import sys


def prepare_streams() -> None:
    """Make standard output and error something that can always be written to."""
    if sys.stdout is None or sys.stderr is None:  # closed by the parent process
        nowhere = open(os.devnull, "w")  # noqa: SIM115 - open for as long as the process
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A sign that the terminal does not have must not end the program, and what
            # steps print must come between the lines that it belongs to.
            stream.reconfigure(errors="backslashreplace", line_buffering=True)


def forget_stdout() -> None:
    """Let the interpreter's last flush have something to write to."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
