"""Looks at every event of a run in the moment in which it happens."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Self

import trio

from tests.flows import unread
from trioflow import EventStream, events
from trioflow.testing._mirror import Mirror


class Watcher(Mirror):
    """A mirror that also checks the bound of the buffers, and tells what is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.overflows: list[str] = []
        """Where a stream had more unread than it may."""
        self.requests, self.asked = trio.open_memory_channel[str](math.inf)
        """The names of events that calls wait for."""
        self._streams: dict[EventStream, int] = {}
        self._driver: trio.lowlevel.Task | None = None
        self._peak_tasks = 0
        self._forced = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.requests.close()
        self.asked.close()

    def attach(self, stream: EventStream) -> EventStream:
        """Check the bound of this stream from now on; past events come on top of it."""
        self._streams[stream] = stream.max_buffer_size + unread(stream)
        return stream

    def on_event(self, event: events.Event) -> None:
        super().on_event(event)
        if self._driver is None:
            self._driver = trio.lowlevel.current_task()
        if isinstance(event, events.StepWaiting) and event.event is not None:
            self.requests.send_nowait(event.event)
        self._check_bounds(event)

    def check(self) -> None:
        super().check()
        assert not self.overflows, "; ".join(self.overflows)

    def _check_bounds(self, event: events.Event) -> None:
        assert self._driver is not None
        self._peak_tasks = max(self._peak_tasks, _count_tasks(self._driver))
        self._forced += _is_forced(event) or isinstance(event, events.EventReceived)
        for stream, size in self._streams.items():
            bound = size + self._peak_tasks + self._forced
            if unread(stream) > bound:
                self.overflows.append(f"{event.seq} {event.type}: {unread(stream)} > {bound}")


def _is_forced(event: events.Event) -> bool:
    """Tell whether an event cannot wait for room: it comes from outside, or of a cancellation."""
    match event:
        case events.EventReceived() | events.Canceled() | events.Finish(status="canceled"):
            return True
    return trio.current_effective_deadline() == -math.inf


def _count_tasks(task: trio.lowlevel.Task) -> int:
    """Return how many tasks there are, from *task* downwards."""
    return 1 + sum(
        _count_tasks(child) for nursery in task.child_nurseries for child in nursery.child_tasks
    )
