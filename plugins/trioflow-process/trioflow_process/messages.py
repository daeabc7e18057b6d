"""What goes through the socket between a worker and the run it works for, and how.

A message is a frame: eight bytes that say how long it is, and a pickle. Values of users are
bytes inside of it, so that a message can be read even if such a value cannot.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal

import attrs
import trio

HELLO = b"\n"
"""What the run sends first: from now on, somebody listens."""

_LENGTH = struct.Struct("!Q")


@attrs.frozen
class Ask:
    """The worker wants something from the context of the step."""

    id: int
    method: str
    content: bytes
    """The value that goes with it, pickled."""


@attrs.frozen
class Cancel:
    """The worker does not want it any more. There will be an answer all the same."""

    id: int


@attrs.frozen
class Answer:
    """What came of an `Ask`."""

    id: int
    kind: Literal["result", "error", "canceled", "stopped"]
    """``"stopped"``: the body has to end, as for a question that has no answer yet."""
    content: bytes
    """The result, or the exception as a `PackedError`; pickled."""


@attrs.frozen
class LogRecord:
    """Something was logged in the worker."""

    attributes: Mapping[str, Any]
    """Attributes of a `logging.LogRecord`, all of them plain."""


Message = Ask | Cancel | Answer | LogRecord


def to_frame(message: Message) -> bytes:
    """Return a message as bytes."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(content)) + content


class FrameReader:
    """Makes messages from bytes that come in pieces of any size."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, piece: bytes) -> list[Message]:
        """Take some bytes, and return the messages that are complete now."""
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
    """Yield messages until the other end closes the socket, or its process has died."""
    reader = FrameReader()
    try:
        while piece := await stream.receive_some():
            for message in reader.feed(piece):
                yield message
    except trio.BrokenResourceError:
        return  # it died with something unread
