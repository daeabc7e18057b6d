"""As little HTTP as a client needs that should not be what is measured."""

from __future__ import annotations

import json
import socket
from typing import Any

import attrs


@attrs.frozen
class Request:
    """One request."""

    method: str
    path: str
    body: Any = None

    def encode(self, host: str) -> bytes:
        """Return its bytes."""
        data = b"" if self.body is None else json.dumps(self.body).encode()
        head = f"{self.method} {self.path} HTTP/1.1\r\nhost: {host}\r\n"
        if self.body is not None:
            head += "content-type: application/json\r\n"
        if self.method == "POST":
            head += f"content-length: {len(data)}\r\n"
        return head.encode() + b"\r\n" + data


def connect(host: str) -> socket.socket:
    """Connect to ``ADDRESS:PORT``."""
    address, _, port = host.partition(":")
    found = socket.create_connection((address, int(port)), timeout=60)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def exchange(host: str, request: Request) -> bytes:
    """Send a request, and return the body of the answer."""
    with connect(host) as connection:
        connection.sendall(request.encode(host))
        received = b""
        while not is_complete(received):
            piece = connection.recv(65536)
            if not piece:
                break
            received += piece
    return body_of(received)


def is_complete(received: bytes) -> bool:
    """Return whether a whole answer has been received."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    length = _length_of(head)
    return body.endswith(b"0\r\n\r\n") if length is None else len(body) >= length


def body_of(received: bytes) -> bytes:
    """Return the body of an answer.

    Raises:
      RuntimeError: if it reports an error.
    """
    head, _, body = received.partition(b"\r\n\r\n")
    if head[9:10] != b"2":
        raise RuntimeError(f"the server answered: {received[:1000].decode('utf-8', 'replace')}")
    if _length_of(head) is not None:
        return body
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        end = int(size or b"0", 16)
        whole, body = whole + body[:end], body[end + 2 :]
    return whole


def _length_of(head: bytes) -> int | None:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return None
