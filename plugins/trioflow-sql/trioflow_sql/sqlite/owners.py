"""How processes on one file know whether the owner of a claim lives.

Each owner has a file of its own in a folder beside the database, and holds a lock on it that
belongs to its open file: the system takes it away when the process is gone, however it died,
and at no other time. The file gets its name after it was locked, so one that is there and is
not locked is that of a dead owner. One that is not there says nothing, and neither does a file
system on which locking has not been seen to work: then only time counts.

``flock`` and not ``fcntl``: a lock of the latter on open files cannot be had on every system, and
its older kind belongs to the process, which loses it when it closes any file of that name.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trioflow_sql.forking import LetGoInChild

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FOLDER = "-owners"
"""What is behind the name of the database in the name of the folder."""
SUFFIX = ".lock"
ABANDONED = 60.0
"""Seconds after which a file that did not get its name will not get it any more."""
TRIES = 3

logger = logging.getLogger("trioflow")


class OwnerLock(LetGoInChild):
    """The lock of an owner that lives here."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor: int | None = descriptor
        self._path = path
        self._process = os.getpid()
        super().__init__()

    def close(self) -> None:
        """Be gone without having died: the file goes, too."""
        if os.getpid() != self._process:  # a fork has nothing to say about its parent
            return
        with suppress(OSError):
            self._path.unlink()
        self.let_go()
        with suppress(OSError):  # not if there are others
            self._path.parent.rmdir()

    def let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class OwnerFolder:
    """The locks of all owners of one database."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + FOLDER)

    def lock(self, owner: str) -> OwnerLock | None:
        """Lock the file of an owner; None, with a word in the log, where that cannot be relied on.

        Blocks for as long as the file system needs.
        """
        try:
            for _ in range(TRIES - 1):
                with suppress(FileNotFoundError):  # the last owner has just removed the folder
                    return self._lock(owner)
            return self._lock(owner)
        except OSError as error:
            problem = "that this process lives cannot be shown to others"
            logger.warning("%s: %s: %s; only time frees its claims", self._path, problem, error)
            return None

    def _lock(self, owner: str) -> OwnerLock:
        if fcntl is None:
            raise OSError("this system does not have the locks for it")
        self._path.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_locked(Path(name)):
                raise OSError("locks do not work on this file system")
            os.fchmod(descriptor, 0o644)  # others look at it
            path = self._path_of(owner)
            os.rename(name, path)
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                os.unlink(name)
            raise
        return OwnerLock(descriptor, path)

    def gone(self, owners: Collection[str]) -> set[str]:
        """Return those of the owners that are certainly dead."""
        return {owner for owner in owners if _is_locked(self._path_of(owner)) is False}

    def tidy(self, needed: Collection[str]) -> None:
        """Remove the files of dead owners, but for those of which there are claims."""
        kept = {self._path_of(owner).name for owner in needed}
        with suppress(OSError):
            for path in list(self._path.iterdir()):
                named = path.suffix == SUFFIX or _age_of(path) > ABANDONED
                if named and path.name not in kept and _is_locked(path) is False:
                    path.unlink(missing_ok=True)

    def _path_of(self, owner: str) -> Path:
        digest = hashlib.blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=16)
        return self._path / (digest.hexdigest() + SUFFIX)


def _age_of(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _is_locked(path: Path) -> bool | None:
    """Tell whether somebody has locked a file; None if that cannot be found out."""
    with _opened(path) as descriptor:
        if descriptor is None or fcntl is None:
            return None
        try:
            # Shared, so that two that look at the same time do not see each other.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return None
        return False


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)
