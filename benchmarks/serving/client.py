"""The client of all servers: ``python -m benchmarks.serving.client HOST DIALECT WORK JSON``.

A process of its own with plain sockets, so that it costs little beside the server. It prints one
line of JSON. A figure of work that was not done is void, so it counts what arrives.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import attrs

from benchmarks.serving.dialects import DIALECTS, Dialect
from benchmarks.serving.http import Request, body_of, connect, is_complete

MARK = b'"tick":'
AT = re.compile(rb'"at": ?([0-9.]+)')
PATIENCE = 180
"""Seconds after which an answer is not waited for."""


@attrs.define(eq=False)
class Reader:
    """One open stream."""

    connection: socket.socket
    ticks: int = 0
    has_head: bool = False
    _rest: bytes = b""

    def take(self) -> tuple[int, bytes]:
        """Receive what is there; return how many ticks that completes, and what was received."""
        piece = self.connection.recv(1 << 18)
        if not piece:
            raise RuntimeError(f"a stream ended after {self.ticks} ticks")
        data = self._rest + piece
        self.has_head = self.has_head or b"\r\n\r\n" in data
        found = data.count(MARK)
        self.ticks += found
        self._rest = data[-(len(MARK) - 1) :] if self.has_head else data
        return found, data


@attrs.define(eq=False)
class Streams:
    """Many streams of one run."""

    readers: list[Reader]
    _selector: selectors.BaseSelector

    @classmethod
    def open(cls, host: str, requests: Iterator[Request], number: int) -> Streams:
        """Open streams, and wait until each has begun."""
        streams = cls([], selectors.DefaultSelector())
        for request in islice(requests, number):
            reader = Reader(connect(host))
            reader.connection.sendall(request.encode(host))
            streams._selector.register(reader.connection, selectors.EVENT_READ, reader)
            streams.readers.append(reader)
            if len(streams.readers) == 1:
                streams.wait_begun()  # it may start the run that the others read
        streams.wait_begun()
        return streams

    def wait_begun(self) -> None:
        """Wait until each has the head of its answer."""
        while not all(reader.has_head for reader in self.readers):
            for reader in self.ready():
                reader.take()

    def ready(self) -> Iterator[Reader]:
        """Yield the streams that have received something."""
        found = self._selector.select(PATIENCE)
        if not found:
            raise RuntimeError(f"nothing arrived for {PATIENCE} s")
        for key, _ in found:
            yield key.data

    def close(self) -> None:
        """Close all of them."""
        for reader in self.readers:
            reader.connection.close()


def read_ticks(host: str, dialect: Dialect, readers: int, count: int, pause: float) -> Any:
    """Return how long all readers take to get all ticks, and how late these are in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        gate = Path(folder, "open")
        order = {"gate": str(gate), "count": count, "pause": pause}
        streams = Streams.open(host, dialect.readers(host, order), readers)
        began, late, missing = time.time(), list[float](), readers * count
        gate.touch()
        while missing > 0:
            for reader in streams.ready():
                found, data = reader.take()
                missing -= found
                if pause:
                    now = time.time()
                    late += [now - float(at) for at in AT.findall(data)]
        seconds = time.time() - began
        uneven = [reader.ticks for reader in streams.readers if reader.ticks != count]
        if uneven:
            raise RuntimeError(f"{len(uneven)} readers got {uneven[0]} of {count} ticks")
        streams.close()
    return {"seconds": seconds, "events": readers * count, "late": _spread(late)}


def _spread(late: list[float]) -> list[float]:
    """Return the median and the 99th percentile."""
    late.sort()
    return [late[len(late) // 2], late[len(late) * 99 // 100]] if late else []


def run_sums(host: str, dialect: Dialect, runs: int, clients: int) -> Any:
    """Return how long runs of two steps take that some clients start one after another."""
    requests = [dialect.sum(number).encode(host) for number in range(runs)]
    selector, received = selectors.DefaultSelector(), dict[socket.socket, bytes]()
    began = time.time()
    for _ in range(clients):
        connection = connect(host)
        selector.register(connection, selectors.EVENT_READ)
        connection.sendall(requests.pop())
        received[connection] = b""
    open_requests = clients
    while open_requests:
        for key, _ in selector.select(PATIENCE):
            answered: Any = key.fileobj
            received[answered] += answered.recv(65536)
            if not is_complete(received[answered]):
                continue
            body_of(received[answered])
            received[answered] = b""
            if requests:
                answered.sendall(requests.pop())
            else:
                open_requests -= 1
    seconds = time.time() - began
    for connection in received:
        connection.close()
    return {"seconds": seconds, "runs": runs}


def hold_streams(host: str, dialect: Dialect, readers: int) -> Any:
    """Open streams of a run that does nothing, and keep them until standard input ends."""
    order = {"gate": "/nonexistent/gate", "count": 1, "pause": 0.0}
    streams = Streams.open(host, dialect.readers(host, order), readers)
    time.sleep(1)
    print(json.dumps({"held": readers}), flush=True)
    sys.stdin.read()
    streams.close()
    return {}


WORK: dict[str, Callable[..., Any]] = {"ticks": read_ticks, "sums": run_sums, "hold": hold_streams}


def main() -> None:
    host, dialect, work, options = sys.argv[1:]
    print(json.dumps(WORK[work](host, DIALECTS[dialect], **json.loads(options))), flush=True)


if __name__ == "__main__":
    main()
