"""Where the file is, and whether it is still the one that was opened."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from trioflow.errors import StoreError


def path_of(url: str) -> str:
    """Return the path in ``sqlite:runs.db``, ``sqlite:/var/runs.db`` or ``sqlite:///var/runs.db``.

    Raises:
      StoreError: if there is none.
    """
    path = url.partition(":")[2]
    if path.strip("/") in ("", ":memory:"):
        raise StoreError(url, "names no file; write sqlite:runs.db, or memory: to keep nothing")
    if path.startswith("//") and not path.startswith("///"):
        raise StoreError(url, "a file has no host; write sqlite:runs.db or sqlite:///var/runs.db")
    return path.removeprefix("//")


@attrs.frozen
class Condition:
    """What can be seen of a file without opening it."""

    has_log: bool
    changed_at: int
    size: int


class FileWatch:
    """Notices that a file was removed, or that another one is in its place.

    SQLite keeps the file that it has opened, so it would write on into one that has no name any
    more and is gone when it is closed. And it finds the write-ahead log by its name, so with
    another file in the same place it would spoil both.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = os.fspath(path)  # asked for twice in each transaction
        self._name = name
        self._opened: tuple[int, int] | None = None

    def begin(self) -> None:
        """Take note which file it is that was opened."""
        self._opened = self._look()

    def check(self) -> None:
        """Check that it is the file that was opened.

        Raises:
          StoreError: if it is not.
        """
        if self._opened is not None and self._look() != self._opened:
            problem = "the file was removed or replaced while it was open"
            raise StoreError(self._name, f"{problem}; put it back, and open the store again")

    def condition(self) -> Condition:
        """Return what changes when somebody writes to the file."""
        found = os.stat(self._path)
        return Condition(has_log(Path(self._path)), found.st_mtime_ns, found.st_size)

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino


def is_write_protected(database: Path) -> bool:
    """Tell whether there is a file that may not be written: a backup, or another user's.

    Its folder counts as well, since SQLite keeps a log beside the file.
    """
    return os.path.exists(database) and not all(
        os.access(path, os.W_OK) for path in (database, database.parent)
    )


def has_log(database: Path) -> bool:
    """Tell whether there is a write-ahead log: somebody has the file open, or did not close it."""
    return database.with_name(database.name + "-wal").exists()
