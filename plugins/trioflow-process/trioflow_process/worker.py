"""The program of a worker: run one body after the other, in the main thread."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from trioflow.runners.remote import Bodies, open_loop
from trioflow_process.lifeline import tie_to
from trioflow_process.line import SocketLine


def work(connected: socket.socket, parent: int, idle_seconds: float) -> None:
    """Run bodies until the run's process closes the worker, or none came for some time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tie_to(parent)
    with open_loop():
        line = SocketLine(connected)
        bodies = Bodies(line, _interruptible)
        while (job := line.next_job(idle_seconds)) is not None:
            outcome, result = bodies.run(job[0], job)
            with line.lock:
                line.send(outcome, result)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a body send SIGINT to its own process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
