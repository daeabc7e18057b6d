"""Lock files that show whether the owner of a claim lives.

Each owner has its own file in a folder next to the database, and holds a lock on it that
belongs to its open file. The system releases the lock exactly when the process exits,
however it dies. The file is renamed to its final name after it was locked, so an
unlocked file belongs to a dead owner. A missing file proves nothing, and neither does a file
system on which a lock test fails: claims then only expire.

This uses ``flock``, not ``fcntl``: open file description locks of the latter do not exist on
every system, and its older locks belong to the process, which loses them when it closes any
descriptor of that file.
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
"""Suffix that forms the name of the folder from that of the database."""
SUFFIX = ".lock"
ABANDONED = 60.0
"""Seconds after which a file without its final name counts as abandoned."""
TRIES = 3

logger = logging.getLogger("trioflow")


class OwnerLock(LetGoInChild):
    """The lock of an owner in this process."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor: int | None = descriptor
        self._path = path
        self._process = os.getpid()
        super().__init__()

    def close(self) -> None:
        """Release the lock and remove the file."""
        if os.getpid() != self._process:  # a forked process must not remove the parent's file
            return
        with suppress(OSError):
            self._path.unlink()
        self.let_go()
        with suppress(OSError):  # fails if it has other files
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
        """Lock the file of an owner. Log a warning and return None if locks do not work.

        Blocks for as long as the file system needs.
        """
        try:
            for _ in range(TRIES - 1):
                with suppress(FileNotFoundError):  # the last owner just removed the folder
                    return self._lock(owner)
            return self._lock(owner)
        except OSError as error:
            problem = "other processes cannot detect whether this process lives"
            logger.warning("%s: %s: %s; its claims only expire", self._path, problem, error)
            return None

    def _lock(self, owner: str) -> OwnerLock:
        if fcntl is None:
            raise OSError("this system does not support file locks")
        self._path.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_locked(Path(name)):
                raise OSError("locks do not work on this file system")
            os.fchmod(descriptor, 0o644)  # other users check it
            path = self._path_of(owner)
            os.rename(name, path)
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                os.unlink(name)
            raise
        return OwnerLock(descriptor, path)

    def gone(self, owners: Collection[str]) -> set[str]:
        """Return the owners that are certainly dead."""
        return {owner for owner in owners if _is_locked(self._path_of(owner)) is False}

    def tidy(self, needed: Collection[str]) -> None:
        """Remove the files of dead owners that have no claims."""
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
    """Return whether a file is locked; None if that is unknown."""
    with _opened(path) as descriptor:
        if descriptor is None or fcntl is None:
            return None
        try:
            # Shared, so that concurrent checks do not see each other.
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
