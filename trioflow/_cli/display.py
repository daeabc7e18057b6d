"""The interface of all displays of a run, and messages on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from trioflow.events import Event

STOPPING = "waiting for the steps to stop; press Ctrl-C again to exit at once"
"""Printed when the running steps are canceled."""
DRAINING = "waiting up to {grace:.0f} s for running steps to finish; a second signal exits at once"
"""Printed when the running steps may finish first."""


class Display(Protocol):
    """Shows one run, on standard output."""

    async def recall(self, events: Sequence[Event]) -> None:
        """Apply the events before the part of the run that is shown."""

    def shown(self) -> AbstractContextManager[object]:
        """Return a context that is open while events are shown."""

    async def attend(self) -> None:
        """Do the display's background work; return when the reader has gone."""

    async def show(self, event: Event) -> None:
        """Show an event.

        Raises:
          BrokenPipeError: if the reader has gone.
        """

    def stopping(self, notice: str, *, for_good: bool = True) -> None:
        """Show *notice*, which reports that a signal is stopping the run.

        If not *for_good*, open calls can be recovered later and are not shown as ended.
        """

    async def show_result(self, value: Any) -> None:
        """Show the output of a run that succeeded.

        Raises:
          BrokenPipeError: if the reader has gone.
        """


def can_draw(stream: TextIO) -> bool:
    """Return whether *stream* is a terminal with cursor movement and Unicode."""
    is_smart = os.environ.get("TERM", "") not in ("dumb", "unknown")
    return stream.isatty() and is_smart and stream.encoding.lower().startswith("utf")


def say(text: str) -> None:
    """Print a message on standard error."""
    with contextlib.suppress(OSError):  # there is nowhere left to report it
        print(f"trioflow: {text}", file=sys.stderr, flush=True)
