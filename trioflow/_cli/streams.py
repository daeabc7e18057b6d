"""Makes standard output and error safe to write to until the process exits."""

from __future__ import annotations

import io
import os
import sys


def prepare_streams() -> None:
    """Make sure that standard output and error can always be written to."""
    _fill_closed_descriptors()
    if sys.stdout is None or sys.stderr is None:  # closed by the parent process
        nowhere = open(os.devnull, "w")  # noqa: SIM115 - open for as long as the process
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal cannot show must not end the program, and what
            # steps print must appear between the right lines.
            stream.reconfigure(errors="backslashreplace", line_buffering=True)


def _fill_closed_descriptors() -> None:
    """Open the null device in place of standard streams that the parent process has closed.

    Otherwise the next files get their descriptors: the lock file of a store would be the
    standard input of every child process.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def forget_stdout() -> None:
    """Redirect standard output to nowhere, so that the interpreter's last flush succeeds."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
