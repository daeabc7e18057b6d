"""The other end of the pipe: reads jobs from standard input, and runs their bodies."""

from __future__ import annotations

import itertools
import pickle
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

from tests.remote.pipe_runner import LENGTH, to_bytes
from trioflow.runners.remote import Answer, Bodies, Job, open_loop


class PipeLine:
    """Sorts what arrives into jobs and answers."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ids: Iterator[int] = itertools.count()
        self.waiting: dict[int, Future[tuple[Answer, Any]]] = {}
        self.jobs: SimpleQueue[list[Any] | None] = SimpleQueue()
        self._output = sys.stdout.buffer
        sys.stdout = sys.stderr  # bodies may print
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, message: Any, content: bytes = b"") -> None:
        self._output.write(to_bytes(message, content))
        self._output.flush()

    def _read(self) -> None:
        while head := sys.stdin.buffer.read(LENGTH.size):
            message, content = pickle.loads(sys.stdin.buffer.read(LENGTH.unpack(head)[0]))
            if isinstance(message, Job):
                self.jobs.put([message, content])
            elif (future := self.waiting.pop(message.id, None)) is not None:
                future.set_result((message, content))
        self.jobs.put(None)


def main() -> None:
    with open_loop():
        line = PipeLine()
        bodies = Bodies(line)
        while (job := line.jobs.get()) is not None:
            outcome, result = bodies.run(job[0], job)
            with line.lock:
                line.send(outcome, result)


if __name__ == "__main__":
    main()
