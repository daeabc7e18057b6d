"""The frames between a worker and its run.

A message is a frame: the lengths of two parts, a pickled message, and its content. The content is
separate, so that large values are copied only once on their way.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any

import attrs

from trioflow.runners.remote import Frame, Message

_LENGTHS = struct.Struct("!IQ")
SMALL = 65536
"""Maximum number of bytes of a frame that is sent and received in one piece."""


@attrs.frozen
class Close:
    """The worker must exit."""


@attrs.frozen
class Leaving:
    """The worker exits, and takes no more jobs."""


def to_parts(
    message: Message | Close | Leaving, content: bytes | bytearray = b""
) -> tuple[bytes | bytearray, ...]:
    """Return a frame, as what has to be sent one after the other."""
    head = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    start = _LENGTHS.pack(len(head), len(content)) + head
    return (start, content) if len(content) > SMALL else (start + content,)


class FrameReader:
    """Decodes frames from bytes in pieces of any size. Receive into its `buffer`."""

    def __init__(self) -> None:
        self._start = bytearray(4 * SMALL)
        self._filled = 0
        self._large: tuple[Any, bytearray] | None = None
        """A frame whose content is received into its own buffer."""

    def buffer(self) -> memoryview:
        """Return where the next bytes belong."""
        if self._large is not None:
            return memoryview(self._large[1])[self._filled :]
        return memoryview(self._start)[self._filled :]

    def received(self, count: int) -> list[Frame]:
        """Return the frames that are complete now that *count* more bytes are in the buffer."""
        self._filled += count
        if self._large is None:
            return self._read_start()
        message, content = self._large
        if self._filled < len(content):
            return []
        self._large, self._filled = None, 0
        return [(message, content)]

    def _read_start(self) -> list[Frame]:
        frames: list[Frame] = []
        at, end = 0, self._filled
        while end - at >= _LENGTHS.size:
            head_length, length = _LENGTHS.unpack_from(self._start, at)
            content_at = at + _LENGTHS.size + head_length
            after = content_at + min(length, SMALL)
            if after > end:
                self._make_room(after - at)
                break
            head = pickle.loads(memoryview(self._start)[at + _LENGTHS.size : content_at])
            at = min(content_at + length, end)
            content = self._start[content_at:at]
            if len(content) < length:
                self._filled = len(content)
                self._large = head, content
                content.extend(bytes(length - len(content)))
                return frames
            frames.append((head, bytes(content)))
        rest = end - at
        self._start[:rest] = self._start[at:end]
        self._filled = rest
        return frames

    def _make_room(self, length: int) -> None:
        self._start.extend(bytes(max(0, length + SMALL - len(self._start))))
