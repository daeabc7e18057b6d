"""Finds an expression in the lines of a text. Runs as a program, in a process of its own.

`re` cannot be interrupted, and holds Python's lock while it searches: an expression such as
``(a+)+$`` freezes every thread of the process for longer than anyone waits. So `matcher` starts
this file as a program, sends it the text and reads the matches, and kills it when it is canceled.
The program ends itself when one message has taken too much processor time.

It is started as a file, without the packages of its program, which would take longer to import
than most searches do. So it imports nothing but a little of the standard library.

A message is its length in four bytes, and its content. The first one has the parameters, as
JSON; the answer is an error, or null. Then come the chunks of one text after the other, each text
ending with an empty chunk; the answer to each is a list of matches: line, column and text.
"""

from __future__ import annotations

import json
import re
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

SHOWN = 300
"""Maximum number of characters of a line that a match shows."""
SHOWN_BEFORE = 100
"""Maximum number of these characters before the match, if the line is longer than `SHOWN`."""

LENGTH = struct.Struct("!I")


class Found(NamedTuple):
    """A line that matches."""

    line: int
    """Line number, counted from 1."""
    column: int
    """Where the first match begins in the line, in characters counted from 1."""
    text: str
    """The line, or the part around the match if the line is long."""


class LineSearch:
    """A search through the lines of one text, which comes in chunks.

    A line is reported once, with its first match.
    """

    def __init__(self, regex: re.Pattern[str], longest: int) -> None:
        """Search for *regex*; a line longer than *longest* bytes is searched in pieces."""
        self._regex = regex
        self._longest = longest
        self._line = 1
        self._reported = 0
        self._before = 0
        """Number of characters of the line before the rest."""
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Found]:
        """Return the matches in the lines that end in a chunk; an empty one ends the text."""
        return [*self._search_lines(chunk)]

    def _search_lines(self, chunk: bytes) -> Iterator[Found]:
        *ended, self._rest = (self._rest + chunk).split(b"\n")
        for content in ended:
            yield from self._search(_decode(content))
            self._line, self._before = self._line + 1, 0
        if len(self._rest) >= self._longest or (self._rest and not chunk):
            text = _decode(self._rest)
            yield from self._search(text)
            self._before, self._rest = self._before + len(text), b""

    def _search(self, text: str) -> Iterator[Found]:
        hit = self._regex.search(text) if self._line != self._reported else None
        if hit:
            self._reported = self._line
            column = self._before + hit.start() + 1
            yield Found(self._line, column, _excerpt(text, hit.start()))


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "replace").removesuffix("\r")


def _excerpt(text: str, start: int) -> str:
    if len(text) <= SHOWN:
        return text
    first = max(0, min(start - SHOWN_BEFORE, len(text) - SHOWN))
    return text[first : first + SHOWN]


def serve(requests: BinaryIO, answers: BinaryIO, limit: Callable[[float], object]) -> None:
    """Answer messages until there are no more.

    Args:
      limit: Called with the seconds that the process may work before it ends; 0: for ever.
    """

    def answer(value: object) -> None:
        limit(0)
        content = json.dumps(value).encode()
        answers.write(LENGTH.pack(len(content)) + content)
        answers.flush()

    messages = _read(requests)
    parameters = json.loads(next(messages))
    limit(parameters["seconds"])
    try:
        regex = re.compile(parameters["pattern"])
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        answer(str(error) or type(error).__name__)
        return
    answer(None)
    search = LineSearch(regex, parameters["longest"])
    for chunk in messages:
        limit(parameters["seconds"])
        answer(search.feed(chunk))
        if not chunk:
            search = LineSearch(regex, parameters["longest"])


def _read(requests: BinaryIO) -> Iterator[bytes]:
    while head := requests.read(LENGTH.size):
        yield requests.read(*LENGTH.unpack(head))


def _limit(seconds: float) -> None:
    """Let the system end the process once it has worked for some seconds."""
    if hasattr(signal, "setitimer"):  # not on Windows, where only a cancellation ends a search
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer, _limit)
