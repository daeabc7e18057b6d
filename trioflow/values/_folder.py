"""A value store in a folder, local or on a network."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Self, TypeVar

import trio

from trioflow.abc import StoredValue, ValueStore
from trioflow.errors import ValueStoreError

T = TypeVar("T")

PIECE = 8 << 20
"""How many bytes are written before a cancellation is looked for."""
TRIES = 100
"""How often something is tried in a folder that other processes remove meanwhile."""
PASSING = (errno.EAGAIN, errno.EBUSY, errno.EIO, errno.ENOSPC, errno.ESTALE, errno.ETIMEDOUT)
"""Errors after which a retry may succeed: of network file systems and of full disks."""


class FolderValues(ValueStore):
    """Keeps values as files in a folder, which all engines and workers must reach.

    Each value is a file, which is complete and on disk before it has its name. The folder is
    created when an engine opens. If it disappears later, for example because it is unmounted,
    nothing is written in its place: that is a `ValueStoreError`, and steps wait for the folder for
    as long as they wait for the store.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Use the folder at *path*.

        Args:
          path: A relative path is resolved now, because other processes may work elsewhere.
        """
        self._path = Path(path).absolute()

    def __repr__(self) -> str:
        return f"FolderValues({str(self._path)!r})"

    async def __aenter__(self) -> Self:
        await self._in_thread(lambda: self._path.mkdir(parents=True, exist_ok=True))
        return self

    async def write(self, key: str, content: bytes) -> None:
        await self._in_thread(lambda: self._write(key, content))

    async def read(self, key: str) -> bytes | None:
        return await self._in_thread(lambda: self._read(key))

    async def delete(self, key: str) -> None:
        await self._in_thread(lambda: self._delete(key))

    async def list_values(self, prefix: str) -> Sequence[StoredValue]:
        return await self._in_thread(lambda: list(self._files(prefix)))

    # ------------------------------------------------------------ in a thread
    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await trio.to_thread.run_sync(work)
        except OSError as exc:
            problem = exc.strerror or str(exc)
            raise ValueStoreError(repr(self), problem, exc.errno in PASSING) from exc

    def _check(self) -> None:
        if not self._path.is_dir():
            raise ValueStoreError(repr(self), "the folder does not exist", transient=True)

    def _write(self, key: str, content: bytes) -> None:
        self._check()
        temporary = self._path / "tmp" / secrets.token_hex(16)
        opened = self._do_in(temporary.parent, lambda: temporary.open("xb"))
        try:
            with opened as file:
                for piece in _pieces(content):
                    trio.from_thread.check_cancelled()
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            self._name(temporary, key)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _name(self, temporary: Path, key: str) -> None:
        target = self._path / key
        self._do_in(target.parent, lambda: os.replace(temporary, target))
        for folder in (target.parent, *target.parent.parents[: key.count("/")]):
            _sync(folder)

    def _do_in(self, folder: Path, work: Callable[[], T]) -> T:
        """Create a folder inside of this one, and do something in it.

        Again if it is not there: another process that deletes the last value in a folder also
        removes the folder.
        """
        tries = count(1)
        while True:
            try:
                for each in reversed((folder, *folder.parents)):
                    if self._path in each.parents:
                        each.mkdir(exist_ok=True)
                return work()
            except (FileNotFoundError, FileExistsError):  # the latter if it has gone by now
                self._check()
                if next(tries) == TRIES:
                    raise

    def _read(self, key: str) -> bytes | None:
        try:
            return (self._path / key).read_bytes()
        except FileNotFoundError:
            self._check()
            return None

    def _delete(self, key: str) -> None:
        target = self._path / key
        target.unlink(missing_ok=True)
        self._check()
        for folder in target.parents[: key.count("/")]:
            try:
                folder.rmdir()
            except OSError:  # it is not empty, or gone already
                return

    def _files(self, prefix: str) -> Iterator[StoredValue]:
        self._check()
        for folder, _, names in os.walk(self._path / prefix):
            for name in names:
                file = Path(folder, name)
                try:
                    found = file.stat()
                except FileNotFoundError:  # deleted meanwhile
                    continue
                key = file.relative_to(self._path).as_posix()
                yield StoredValue(key, found.st_size, found.st_mtime)


def _pieces(content: bytes) -> Iterator[memoryview]:
    view = memoryview(content)
    for start in range(0, len(view), PIECE):
        yield view[start : start + PIECE]


def _sync(folder: Path) -> None:
    """Write the names in a folder to disk, where the system can."""
    if os.name == "nt":  # pragma: no cover - folders cannot be opened there
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # what was written there is deleted already
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
