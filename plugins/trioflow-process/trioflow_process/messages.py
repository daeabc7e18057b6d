"""The messages between a worker and its run, and their encoding.

A message is a frame: the lengths of two parts, a pickled message, and its content. User values are
the content, pickled separately, so that a message can be read even if such a value cannot, and so
that large values are copied only once on their way.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, Literal

import attrs

from trioflow_process.packing import PackedError

_LENGTHS = struct.Struct("!IQ")
SMALL = 65536
"""Maximum number of bytes of a frame that is sent and received in one piece."""


@attrs.frozen
class CallFacts:
    """The properties of a step call that do not change."""

    run_id: str
    workflow_id: str
    step_id: str
    step_call_id: str
    attempt: int
    iteration: int | None


@attrs.frozen
class Job:
    """A body to run. Its content is the function, its arguments, and the current step."""

    facts: CallFacts
    levels: Any
    """The levels of loggers, if they have changed; None otherwise."""
    reports: bool
    """Whether the worker reports with `Begun` that the body begins."""


@attrs.frozen
class Close:
    """The worker must exit."""


@attrs.frozen
class Begun:
    """The body begins."""


@attrs.frozen
class Leaving:
    """The worker exits, and takes no more jobs."""


@attrs.frozen
class Returned:
    """The body returned. The content is its output."""

    is_clean: bool
    """Whether the worker can run other bodies: what this one has changed was undone."""


@attrs.frozen
class Raised:
    """The body, or the code that calls it, raised an exception."""

    is_clean: bool
    error: PackedError


@attrs.frozen
class Stopped:
    """The body called ``ctx.suspend`` or ``ctx.bail``, or the run interrupted it.

    The content is the arguments of that call.
    """

    is_clean: bool
    method: str


Outcome = Returned | Raised | Stopped


@attrs.frozen
class Ask:
    """A request of the worker to the context of the step. The content is its value."""

    id: int
    method: str


@attrs.frozen
class Cancel:
    """Cancels a request. The run still sends an answer."""

    id: int


@attrs.frozen
class Answer:
    """The answer to an `Ask`. The content is what was returned, or the `PackedError`."""

    id: int
    kind: Literal["result", "error", "canceled", "stopped"]
    """``"stopped"``: the body must end, for example because a question has no answer yet."""


@attrs.frozen
class LogRecord:
    """A log record of the worker. The content is its attributes."""


Message = Job | Close | Begun | Leaving | Outcome | Ask | Cancel | Answer | LogRecord
Frame = tuple[Message, bytes | bytearray]


def to_parts(message: Message, content: bytes | bytearray = b"") -> tuple[bytes | bytearray, ...]:
    """Return a frame, as what has to be sent one after the other."""
    head = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    start = _LENGTHS.pack(len(head), len(content)) + head
    return (start, content) if len(content) > SMALL else (start + content,)


class FrameReader:
    """Decodes frames from bytes in pieces of any size. Receive into its `buffer`."""

    def __init__(self) -> None:
        self._start = bytearray(4 * SMALL)
        self._filled = 0
        self._large: tuple[Message, bytearray] | None = None
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
