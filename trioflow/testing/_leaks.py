"""Detects leaked tasks, channels and threads."""

from __future__ import annotations

import gc
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import attrs
import trio


@contextmanager
def assert_no_leaks() -> Generator[None, None, None]:
    """Check that nothing that was started inside the block outlives it.

    Leaks are tasks, memory channels that are open at both ends, and threads, except idle threads
    of Trio. Works inside and outside `trio.run`; do not nest it.

    Raises:
      AssertionError: if the block leaks something; the message lists the leaks. Not raised if
        the block itself raises.
    """
    tasks, threads = set(_tasks()), _threads()
    # Frozen objects are not in any generation, so the search for channels sees only newer ones.
    gc.freeze()
    try:
        yield
        leaks = [
            *(f"task {task.name}" for task in _tasks() if task not in tasks),
            *(f"channel {channel!r}" for channel in _open_channels()),
            *threads.leaks_until(_threads()),
        ]
    finally:
        gc.unfreeze()
    assert not leaks, f"leaked: {', '.join(leaks)}"


def _tasks() -> Iterator[trio.lowlevel.Task]:
    if not trio.lowlevel.in_trio_run():
        return
    root = trio.lowlevel.current_root_task()
    waiting = [root] if root is not None else []
    while waiting:
        task = waiting.pop()
        yield task
        waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]


def _open_channels() -> list[trio.MemoryReceiveChannel[object]]:
    gc.collect()  # garbage does not count as open
    return [
        channel
        for channel in gc.get_objects()
        if type(channel) is trio.MemoryReceiveChannel and _is_open(channel)
    ]


def _is_open(channel: trio.MemoryReceiveChannel[object]) -> bool:
    statistics = channel.statistics()
    return bool(statistics.open_send_channels and statistics.open_receive_channels)


@attrs.frozen
class _Threads:
    alive: frozenset[threading.Thread]
    working: int
    """Number of Trio's threads that are working."""

    def leaks_until(self, now: _Threads) -> Iterator[str]:
        for thread in now.alive - self.alive:
            yield f"thread {thread.name}"
        if now.working > self.working:
            yield f"{now.working - self.working} working threads of Trio"


def _threads() -> _Threads:
    # Trio keeps idle threads for a while; they are not leaks.
    alive = {
        thread for thread in threading.enumerate() if not thread.name.startswith("Trio thread")
    }
    working = 0
    if trio.lowlevel.in_trio_run():
        working = int(trio.to_thread.current_default_thread_limiter().borrowed_tokens)
    return _Threads(frozenset(alive), working)
