"""What every way of showing a run has in common."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from trioflow.events import Event

STOPPING = "waiting for the steps to stop; once more to leave at once"
"""What is said when the running steps are canceled."""
DRAINING = "waiting {grace:.0f} s for running steps to end; once more to leave at once"
"""What is said when they are not."""


class Display(Protocol):
    """Shows one run, on standard output."""

    async def recall(self, events: Sequence[Event]) -> None:
        """Take note of what happened before the part of the run that is shown."""

    def shown(self) -> AbstractContextManager[object]:
        """Return a context that is open while events are shown."""

    async def attend(self) -> None:
        """Do what has to be done beside the events; return if there is no more reader."""

    async def show(self, event: Event) -> None:
        """Show an event.

        Raises:
          BrokenPipeError: if there is no more reader.
        """

    def stopping(self, notice: str, *, for_good: bool = True) -> None:
        """Say *notice*: that the run is being stopped, because a signal came.

        If it is not *for_good*, what is open then can go on later and is not shown to end.
        """

    async def show_result(self, value: Any) -> None:
        """Show the result of a run that ended well.

        Raises:
          BrokenPipeError: if there is no more reader.
        """


def can_draw(stream: TextIO) -> bool:
    """Tell whether *stream* is a terminal that moves its cursor and has all the signs."""
    is_smart = os.environ.get("TERM", "") not in ("dumb", "unknown")
    return stream.isatty() and is_smart and stream.encoding.lower().startswith("utf")


def say(text: str) -> None:
    """Tell the user something on standard error."""
    with contextlib.suppress(OSError):  # if nobody can be told, nobody can be told that either
        print(f"trioflow: {text}", file=sys.stderr, flush=True)
