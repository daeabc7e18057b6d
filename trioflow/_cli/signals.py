"""Ctrl-C, SIGTERM and a closed terminal: the first stops the run, a second exits at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import attrs
import trio

from trioflow._cli.errors import BY_SIGNAL

CLOSED = "the terminal was closed"
REASONS: Mapping[int, str] = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    **({signal.SIGHUP: CLOSED} if hasattr(signal, "SIGHUP") else {}),
}
"""The signals that stop a command, and the reason that is reported for each."""
GRACE = 5.0
"""Seconds that running steps get to finish after a signal other than Ctrl-C. Less than the 10 s
after which ``docker stop`` kills a program, whose runs must be recovered and repeat their steps."""
SHOW_CURSOR = b"\x1b[?25h"


@attrs.define(eq=False)
class Interruption:
    """The first signal that was received, if any."""

    signum: int | None = None

    @property
    def exit_code(self) -> int | None:
        """The exit code of a process that this signal ended; None if there was no signal."""
        return None if self.signum is None else BY_SIGNAL + self.signum


@contextmanager
def interruptible(
    on_first: Callable[[int], None], what_runs: Callable[[], str]
) -> Iterator[Interruption]:
    """Call *on_first* in Trio's loop at the first signal; exit the process at the second.

    A closed terminal does not count as the second signal: both the kernel and the shell send it.

    `trio.open_signal_receiver` is not enough: it needs the run loop to deliver a signal, and the
    second Ctrl-C is for steps that block the loop. A step in a thread that never returns
    also requires the process to exit.

    Args:
      on_first: Called with the number of the signal.
      what_runs: Returns a description of the running tasks, printed at the second signal.
    """
    interruption = Interruption()
    token = trio.lowlevel.current_trio_token()
    has_ended = False

    def tell(signum: int) -> None:
        if not has_ended:
            on_first(signum)

    def handle(signum: int, frame: FrameType | None) -> None:
        if interruption.signum is None:
            interruption.signum = signum
            token.run_sync_soon(tell, signum)
        elif signum in (signal.SIGINT, signal.SIGTERM):
            _leave(signum, what_runs)

    # Background jobs of a shell script must still ignore Ctrl-C, and nohup a closed terminal.
    wanted = [signum for signum in REASONS if signal.getsignal(signum) is not signal.SIG_IGN]
    before = [(signum, signal.signal(signum, handle)) for signum in wanted]
    try:
        yield interruption
    finally:
        has_ended = True
        for signum, handler in before:
            signal.signal(signum, handler)


def _leave(signum: int, what_runs: Callable[[], str]) -> None:
    """Exit the process without waiting for anything, but restore the cursor."""
    text = "trioflow: exited without waiting for the steps that still run\n"
    try:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None and stream.isatty():
                os.write(stream.fileno(), SHOW_CURSOR + b"\n")
                break
        os.write(2, (what_runs() + text).encode(errors="backslashreplace"))
    finally:
        os._exit(BY_SIGNAL + signum)
