"""``files.digest``: measure one file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import trio
from attrs import define

from trioflow import step
from trioflow_files.models import FileDigest, FileEntry
from trioflow_files.reading import (
    CHUNK,
    Check,
    do_not_check,
    location_of,
    problem_of,
    read_chunks,
    shows_binary,
)

_WHITE_SPACE = b" \t\n\r\x0b\x0c"
_SHAPE = bytes(ord(" " if byte in _WHITE_SPACE else "x") for byte in range(256))
"""Translation table: white space becomes a blank, every other byte an x."""


@step(id="files.digest")
def digest_file(entry: FileEntry) -> FileDigest:
    """Measure one file: its SHA-256, bytes, lines and words.

    This is `digest_entry` as a step. It runs in one thread for the whole file rather
    than one per chunk: a file of any size needs only one thread switch, hashing
    releases the GIL, and the thread itself checks whether its task was cancelled.

    **Cancellation**: noticed after each chunk of 256 KiB. A blocked read (a dead network
    share) delays it, because threads cannot be interrupted.
    """
    return digest_entry(entry, trio.from_thread.check_cancelled)


def digest_entry(
    entry: FileEntry, check: Check = do_not_check, chunk_size: int = CHUNK
) -> FileDigest:
    """Return the digest of a file; if the entry has a problem, or reading fails, the problem.

    Memory stays below a few chunks, regardless of the size of the file or its lines.

    Args:
      entry: As returned by ``files.list``.
      check: Called after each chunk; may raise to stop.
      chunk_size: Bytes to read at once.
    """
    if entry.problem is not None:
        return FileDigest(entry.path, problem=entry.problem, detail=entry.detail)
    try:
        return measure(entry.path, read_chunks(location_of(entry), check, chunk_size))
    except OSError as error:
        problem, detail = problem_of(error)
        return FileDigest(entry.path, problem=problem, detail=detail)


def measure(path: str, chunks: Iterable[bytes]) -> FileDigest:
    """Return the digest of a file with the given content."""
    sha256, size, text, binary = hashlib.sha256(), 0, _TextCount(), False
    for chunk in chunks:
        sha256.update(chunk)
        binary = binary or shows_binary(chunk, size)
        size += len(chunk)
        if not binary:
            text.add(chunk)
    if binary:
        text = _TextCount()  # what came before the NUL was not text either
    return FileDigest(path, size, text.lines, text.words, sha256.hexdigest(), binary)


@define
class _TextCount:
    """Counts lines and words of a text in chunks."""

    words: int = 0
    _ended_lines: int = 0
    _last: bytes = b"\n"
    """The last byte so far. The initial line feed makes a text begin with a new line."""

    @property
    def lines(self) -> int:
        return self._ended_lines + (self._last != b"\n")

    def add(self, chunk: bytes) -> None:
        self._ended_lines += chunk.count(b"\n")
        # A word begins where a blank is followed by an x. Counting these pairs in the
        # translated text is many times faster than split(), and creates no object per word.
        self.words += (self._last + chunk).translate(_SHAPE).count(b" x")
        self._last = chunk[-1:]
