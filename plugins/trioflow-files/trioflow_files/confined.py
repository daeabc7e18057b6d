"""Opening what is in a folder, and nothing else.

Each folder on the way is opened relative to the one before, and no link is followed. So ``..``,
absolute paths and links do not lead out, even if another process replaces a folder by a link at
the same time. Only the root itself may be a link.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from attrs import frozen

from trioflow_files.errors import OutsideRootError
from trioflow_files.names import to_path, to_text
from trioflow_files.reading import NotAFileError, describe_special

FOLDER = getattr(os, "O_DIRECTORY", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
PASSING = FOLDER | getattr(os, "O_PATH", os.O_RDONLY)
"""How folders on the way are opened; where it exists, O_PATH needs no permission to list them."""
AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""A FIFO that replaces a file must not block, and no terminal becomes the process's own."""
HAS_FOLDER_DESCRIPTORS = {os.open, os.stat} <= os.supports_dir_fd and os.listdir in os.supports_fd
"""Whether files can be opened relative to a folder that is open. Windows cannot: there, a folder
that is replaced by a link while its path is checked is not noticed."""


@frozen
class OpenFolder:
    """A folder that is open."""

    fd: int | None
    """Its descriptor, where the system has descriptors of folders."""
    path: str
    """Its path, for systems that have none."""

    def names(self) -> list[str]:
        """Return the names in it."""
        return os.listdir(self.path if self.fd is None else self.fd)

    def stat(self, name: str, *, follow_link: bool = False) -> os.stat_result:
        """Return what the system knows of one of its files."""
        return os.stat(self._at(name), dir_fd=self.fd, follow_symlinks=follow_link)

    def open(self, name: str, flags: int, mode: int = 0o666) -> int:
        """Open one of its files, which is not a link, and return the descriptor."""
        if self.fd is None and not flags & os.O_EXCL and self.is_link(name):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        return os.open(self._at(name), flags | NO_LINK, mode, dir_fd=self.fd)

    def open_file(self, name: str) -> io.FileIO:
        """Open one of its regular files for reading.

        Raises:
          OSError: if it cannot be read; `NotAFileError` if it is not a regular file.
        """
        _need_file(self.stat(name).st_mode)  # opening a device may have effects
        file = open(self.open(name, os.O_RDONLY | AT_ONCE), "rb", buffering=0)  # noqa: SIM115 - returned
        try:
            _need_file(os.fstat(file.fileno()).st_mode)  # it may have been replaced since
        except BaseException:
            file.close()
            raise
        return file

    def replace(self, before: str, name: str) -> None:
        """Give one of its files the name of another one, which it replaces; links too."""
        os.replace(self._at(before), self._at(name), src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def remove(self, name: str) -> None:
        """Remove one of its files."""
        os.unlink(self._at(name), dir_fd=self.fd)

    def is_link(self, name: str) -> bool:
        """Return whether a name is that of a link."""
        return stat.S_ISLNK(self._mode(name))

    def _at(self, name: str) -> str:
        return os.path.join(self.path, name) if self.fd is None else name

    def _mode(self, name: str) -> int:
        try:
            return self.stat(name).st_mode
        except OSError:
            return 0


@contextmanager
def open_folder(root: str, parts: Sequence[str] = ()) -> Iterator[OpenFolder]:
    """Open the folder that *parts* lead to, for listing and for its files.

    Raises:
      OutsideRootError: if one of them is a link.
      OSError: if there is no such folder, or it cannot be opened.
    """
    if not HAS_FOLDER_DESCRIPTORS:
        yield _checked(root, parts)
        return
    fd = os.open(root, os.O_RDONLY | FOLDER if not parts else PASSING)
    try:
        for number in range(1, len(parts) + 1):
            flags = os.O_RDONLY | FOLDER if number == len(parts) else PASSING
            inner = _open_inner(fd, parts[:number], flags)
            os.close(fd)
            fd = inner
        yield OpenFolder(fd, os.path.join(root, *parts))
    finally:
        os.close(fd)


def _open_inner(outer: int, parts: Sequence[str], flags: int) -> int:
    try:
        return os.open(parts[-1], flags | NO_LINK, dir_fd=outer)
    except OSError:
        if OpenFolder(outer, "").is_link(parts[-1]):
            raise OutsideRootError(to_text("/".join(parts)), LINK) from None
        raise


LINK = "is a symbolic link, or leads through one; links are not followed"


def _checked(root: str, parts: Sequence[str]) -> OpenFolder:
    """Return a folder by its path, if no part of it is a link."""
    folder = OpenFolder(None, root)
    for number, part in enumerate(parts, 1):
        if folder.is_link(part):
            raise OutsideRootError(to_text("/".join(parts[:number])), LINK)
        folder = OpenFolder(None, os.path.join(folder.path, part))
    return folder


def parts_of(text: str) -> list[str]:
    """Return the names in a path that is relative to a root.

    Args:
      text: The path as `trioflow_files.names` writes it; "" and "." are the root.

    Raises:
      OutsideRootError: if it is absolute, or has ``..``.
    """
    path = to_path(text).replace(os.sep, "/")
    if path.startswith("/") or os.path.isabs(path) or os.path.splitdrive(path)[0]:
        raise OutsideRootError(text, "is absolute; use a path relative to the root")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise OutsideRootError(text, "has '..', and so may lead out of the root")
    return parts


def _need_file(mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise NotAFileError(errno.EINVAL, describe_special(mode))
