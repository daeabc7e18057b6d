"""Ctrl-C, SIGTERM and a closed terminal: the first stops the run, a second leaves at once."""

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
"""The signals that stop a command, and what has happened then."""
GRACE = 20.0
"""How many seconds running steps get to end after a signal that is not from the keyboard."""
SHOW_CURSOR = b"\x1b[?25h"


@attrs.define(eq=False)
class Interruption:
    """Which signal has come, if any."""

    signum: int | None = None

    @property
    def exit_code(self) -> int | None:
        """What a process that this signal ended exits with."""
        return None if self.signum is None else BY_SIGNAL + self.signum


@contextmanager
def interruptible(
    on_first: Callable[[int], None], what_runs: Callable[[], str]
) -> Iterator[Interruption]:
    """Call *on_first* in Trio's own time when the first signal comes; leave at the second.

    A closed terminal does not count as the second: shells say it, too, when the kernel has.

    `trio.open_signal_receiver` would not do: it needs the run loop to hand a signal on, and
    a step that blocks the loop is what the second Ctrl-C is for. A step in a thread that
    does not return could not be left otherwise either.

    Args:
      on_first: Gets the number of the signal.
      what_runs: Tells what is left when the second signal comes.
    """
    interruption = Interruption()
    token = trio.lowlevel.current_trio_token()
    is_over = False

    def tell(signum: int) -> None:
        if not is_over:
            on_first(signum)

    def handle(signum: int, frame: FrameType | None) -> None:
        if interruption.signum is None:
            interruption.signum = signum
            token.run_sync_soon(tell, signum)
        elif signum in (signal.SIGINT, signal.SIGTERM):
            _leave(signum, what_runs)

    # A background job of a shell script has to go on ignoring Ctrl-C, and nohup the terminal.
    wanted = [signum for signum in REASONS if signal.getsignal(signum) is not signal.SIG_IGN]
    before = [(signum, signal.signal(signum, handle)) for signum in wanted]
    try:
        yield interruption
    finally:
        is_over = True
        for signum, handler in before:
            signal.signal(signum, handler)


def _leave(signum: int, what_runs: Callable[[], str]) -> None:
    """End the process without waiting for anything, but with the terminal in order."""
    text = "trioflow: left without waiting for the steps that still run\n"
    try:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None and stream.isatty():
                os.write(stream.fileno(), SHOW_CURSOR + b"\n")
                break
        os.write(2, (what_runs() + text).encode(errors="backslashreplace"))
    finally:
        os._exit(BY_SIGNAL + signum)
