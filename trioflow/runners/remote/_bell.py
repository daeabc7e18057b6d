"""Wakes a thread that waits: because something has ended, or because of a signal."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Bell:
    """Rung from any thread; one thread waits for it.

    The interrupts of Ray are signals for Python alone: the system does not know of them, so they
    end no wait of a thread. They are written to the file that `signal.set_wakeup_fd` is given.
    """

    def __init__(self) -> None:
        self._listener, self._ringer = socket.socketpair()
        self._ringer.setblocking(False)

    def ring(self, _: object = None) -> None:
        """Wake the thread that waits, or that waits next."""
        with suppress(BlockingIOError):  # it has been rung often enough
            self._ringer.send(b"\0")

    def wait(self, seconds: float) -> None:
        """Wait until the bell is rung, at most for a while."""
        self._listener.settimeout(seconds)
        with suppress(TimeoutError):
            self._listener.recv(4096)

    @contextmanager
    def rung_by_signals(self) -> Iterator[None]:
        """Ring at signals, too, in the block, if this is the main thread, which they are for."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)

    def close(self) -> None:
        """Give the file descriptors back."""
        self._listener.close()
        self._ringer.close()
