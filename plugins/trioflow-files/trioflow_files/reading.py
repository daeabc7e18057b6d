"""Reading files that may be huge, special, unreadable or removed.

Everything here blocks and must run in a thread. Between two blocking calls it calls the
given *check*: a step passes `trio.from_thread.check_cancelled`, which raises
`trio.Cancelled` in the thread when its task is cancelled. So a cancelled step ends after
at most one chunk, and its thread is never abandoned with an open file.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from trioflow_files.models import FileEntry, ProblemKind
from trioflow_files.names import to_path

CHUNK = 256 * 1024
"""Bytes to read at once: large enough for full speed, small enough to hold many."""
SNIFFED = 8000
"""Number of bytes that decide whether a file is binary, as in git."""

Check = Callable[[], object]
"""Called between blocking calls; may raise to stop the work."""

_SPECIAL = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


class NotAFileError(OSError):
    """Raised for a FIFO, socket or device. Internal; it becomes a `ProblemKind`."""


def do_not_check() -> None:
    """The *check* of work that cannot be canceled."""


def read_chunks(
    path: str, check: Check, size: int = CHUNK, *, follow_link: bool = True
) -> Iterator[bytes]:
    """Yield the content of a regular file, at most *size* bytes at a time.

    Args:
      follow_link: Whether *path* may be a symbolic link to the file.

    Raises:
      OSError: if it cannot be read; `NotAFileError` if it is not a regular file.
    """
    with _open_regular(path, follow_link) as file:
        while chunk := file.read(size):
            check()
            yield chunk


def location_of(entry: FileEntry) -> str:
    """Return the path of the file in the system's form."""
    return os.path.join(to_path(entry.root), to_path(entry.path))


def shows_binary(chunk: bytes, before: int) -> bool:
    """Return whether a chunk, preceded by *before* bytes, shows that its file is binary."""
    return b"\0" in chunk[: max(0, SNIFFED - before)]


def describe_special(mode: int) -> str:
    """Return the name of the file type of *mode*, such as ``"FIFO"``."""
    return _SPECIAL.get(stat.S_IFMT(mode), "special file")


def problem_of(error: OSError) -> tuple[ProblemKind, str]:
    """Return the kind of problem that *error* is, and the message of the system."""
    detail = error.strerror or str(error)
    if isinstance(error, NotAFileError | IsADirectoryError):
        return "not a file", detail
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "vanished", detail
    if error.errno == errno.ELOOP:
        return "link loop", detail
    return "unreadable", detail


@contextmanager
def _open_regular(path: str, follow_link: bool) -> Iterator[io.FileIO]:
    with _open_at_once(path, follow_link) as file:
        # Check the open file: a path may lead to another file at any time.
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise NotAFileError(errno.EINVAL, describe_special(mode))
        yield file


def _open_at_once(path: str, follow_link: bool) -> io.FileIO:
    # Opening a FIFO waits for a writer unless it is non-blocking, and a terminal must not
    # become our controlling terminal. Regular files ignore both flags; Windows has none of them.
    more = ["O_NONBLOCK", "O_NOCTTY", *([] if follow_link else ["O_NOFOLLOW"])]

    def open_with_flags(path: str, flags: int) -> int:
        for name in more:
            flags |= getattr(os, name, 0)
        return os.open(path, flags)

    try:
        return open(path, "rb", buffering=0, opener=open_with_flags)
    except ValueError as error:  # a NUL, or a surrogate that does not encode a byte
        raise FileNotFoundError(errno.ENOENT, f"no file has such a name: {error}") from error
