"""Ctrl-C and SIGTERM: the first one cancels the run, a second one leaves at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import attrs
import trio

from trioflow._cli.errors import BY_SIGNAL

SIGNALS = (signal.SIGINT, signal.SIGTERM)
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
    on_first: Callable[[str], None], what_runs: Callable[[], str]
) -> Iterator[Interruption]:
    """Call *on_first* in Trio's own time when the first signal comes; leave at the second.

    `trio.open_signal_receiver` would not do: it needs the run loop to hand a signal on, and
    a step that blocks the loop is what the second Ctrl-C is for. A step in a thread that
    does not return could not be left otherwise either.

    Args:
      on_first: Gets what happened, ``"interrupted"`` or ``"terminated"``.
      what_runs: Tells what is left when the second signal comes.
    """
    interruption = Interruption()
    token = trio.lowlevel.current_trio_token()

    def handle(signum: int, frame: FrameType | None) -> None:
        if interruption.signum is not None:
            _leave(signum, what_runs)
        interruption.signum = signum
        token.run_sync_soon(on_first, "interrupted" if signum == signal.SIGINT else "terminated")

    # A background job of a shell script has to go on ignoring Ctrl-C.
    wanted = [signum for signum in SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]
    before = [(signum, signal.signal(signum, handle)) for signum in wanted]
    try:
        yield interruption
    finally:
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
