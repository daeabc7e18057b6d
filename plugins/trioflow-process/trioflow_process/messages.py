"""The messages between a worker and its run, and their encoding.

A message is a frame: its length in eight bytes, followed by a pickle. User values are nested
in it as pickled bytes, so that a message can be read even if such a value cannot.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal

import attrs
import trio

HELLO = b"\n"
"""Sent first by the run: it now reads messages."""

_LENGTH = struct.Struct("!Q")


@attrs.frozen
class Ask:
    """A request of the worker to the context of the step."""

    id: int
    method: str
    content: bytes
    """The value of the request, pickled."""


@attrs.frozen
class Cancel:
    """Cancels a request. The run still sends an answer."""

    id: int


@attrs.frozen
class Answer:
    """The answer to an `Ask`."""

    id: int
    kind: Literal["result", "error", "canceled", "stopped"]
    """``"stopped"``: the body must end, for example because a question has no answer yet."""
    content: bytes
    """The returned value, or the exception as a `PackedError`; pickled."""


@attrs.frozen
class LogRecord:
    """A log record of the worker."""

    attributes: Mapping[str, Any]
    """Attributes of a `logging.LogRecord`, with plain values only."""


Message = Ask | Cancel | Answer | LogRecord


def to_frame(message: Message) -> bytes:
    """Return a message as a frame."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(content)) + content


class FrameReader:
    """Decodes messages from bytes in pieces of any size."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, piece: bytes) -> list[Message]:
        """Add some bytes, and return the messages that they complete."""
        self._bytes += piece
        messages = []
        start = 0
        while len(self._bytes) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes, start)
            end = start + _LENGTH.size + length
            if end > len(self._bytes):
                break
            with memoryview(self._bytes) as view, view[start + _LENGTH.size : end] as content:
                messages.append(pickle.loads(content))
            start = end
        del self._bytes[:start]
        return messages


async def receive_messages(stream: trio.SocketStream) -> AsyncGenerator[Message, None]:
    """Yield messages until the other end closes the socket or its process dies."""
    reader = FrameReader()
    try:
        while piece := await stream.receive_some():
            for message in reader.feed(piece):
                yield message
    except trio.BrokenResourceError:
        return  # it died with unread data
