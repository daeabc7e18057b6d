"""Detects threads and processes that outlive a runner."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Collection, Iterator


class Leftovers:
    """Finds threads and processes that were started since its creation and have not ended."""

    def __init__(self) -> None:
        self._threads = _threads()
        self._children = {child.pid for child in multiprocessing.active_children()}

    def of(self, processes: Collection[int]) -> list[str]:
        """Return descriptions of what is left; *processes* are ids that should be gone."""
        return sorted(self._left(processes))

    def _left(self, processes: Collection[int]) -> Iterator[str]:
        for thread in _threads() - self._threads:
            yield f"thread {thread.name}"
        children = {child.pid for child in multiprocessing.active_children()} - self._children
        for pid in children | {pid for pid in processes if _is_alive(pid)}:
            yield f"process {pid}"


def _threads() -> set[threading.Thread]:
    # Trio keeps idle threads for a while; its working threads have other names.
    return {thread for thread in threading.enumerate() if not thread.name.startswith("Trio thread")}


def _is_alive(pid: int) -> bool:
    if pid == os.getpid() or sys.platform == "win32":  # on Windows, kill() cannot probe a process
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
