"""The path of the file, and checks that it is still the one that was opened."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from trioflow.errors import StoreError


def path_of(url: str) -> str:
    """Return the path in ``sqlite:runs.db``, ``sqlite:/var/runs.db`` or ``sqlite:///var/runs.db``.

    Raises:
      StoreError: if the URL has no path.
    """
    path = url.partition(":")[2]
    if path.strip("/") in ("", ":memory:"):
        raise StoreError(url, "has no file; use sqlite:runs.db, or memory: to save nothing")
    if path.startswith("//") and not path.startswith("///"):
        raise StoreError(url, "a file has no host; use sqlite:runs.db or sqlite:///var/runs.db")
    return path.removeprefix("//")


@attrs.frozen
class Condition:
    """The properties of a file that are visible without opening it."""

    has_log: bool
    changed_at: int
    size: int


class FileWatch:
    """Detects that a file was removed or replaced.

    SQLite keeps the opened file, so it would continue to write to an unlinked file, whose data
    is lost when it is closed. It also finds the write-ahead log by name, so if the file was
    replaced, it would corrupt both files.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = os.fspath(path)  # used twice in each transaction
        self._name = name
        self._opened: tuple[int, int] | None = None

    def begin(self) -> None:
        """Remember the identity of the opened file."""
        self._opened = self._look()

    def check(self) -> None:
        """Check that the file is still the one that was opened.

        Raises:
          StoreError: if it is not.
        """
        if self._opened is not None and self._look() != self._opened:
            problem = "the file was removed or replaced while it was open"
            raise StoreError(self._name, f"{problem}; restore it, and open the store again")

    def condition(self) -> Condition:
        """Return the properties that change when the file is written."""
        found = os.stat(self._path)
        return Condition(has_log(Path(self._path)), found.st_mtime_ns, found.st_size)

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino


def is_write_protected(database: Path) -> bool:
    """Return whether the file exists and cannot be written: a backup, or another user's.

    The folder must also be writable, because SQLite creates a log next to the file.
    """
    return os.path.exists(database) and not all(
        os.access(path, os.W_OK) for path in (database, database.parent)
    )


def has_log(database: Path) -> bool:
    """Return whether there is a write-ahead log: the file is open, or was not closed properly."""
    return database.with_name(database.name + "-wal").exists()
