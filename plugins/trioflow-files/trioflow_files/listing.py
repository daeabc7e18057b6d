"""``files.list``: list the files of a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from operator import attrgetter
from pathlib import Path
from typing import TypeAlias

import trio
from attrs import frozen

from trioflow import step
from trioflow_files.confined import OpenFolder, open_folder
from trioflow_files.errors import OutsideRootError, RootError
from trioflow_files.ignore import RuleFile, is_ignored
from trioflow_files.models import FileEntry, Folder, ProblemKind
from trioflow_files.names import to_text
from trioflow_files.reading import Check, describe_special, do_not_check, problem_of
from trioflow_files.rule_files import NEVER_LISTED, rules_of


@step(id="files.list")
def list_files(folder: Folder) -> list[FileEntry]:
    """List the files of a folder, without those that .gitignore files exclude.

    This is `list_entries` as a step. It runs in one thread for the whole folder.

    Raises:
      RootError: if the root is missing, is not a folder, or cannot be listed.

    **Cancellation**: noticed before each file and folder.
    """
    return list_entries(folder.root, trio.from_thread.check_cancelled)


def list_entries(root: str, check: Check = do_not_check) -> list[FileEntry]:
    """Return the files below *root*, sorted by path.

    The .gitignore files in *root* and below apply, and so does ``.git/info/exclude`` in
    *root*. Rule files above it and the settings of users and machines are not read, so a
    folder gives the same list everywhere. Files and folders named ``.git`` are excluded.

    Symbolic links are not followed; a target in *root* is listed where it is. Broken links
    and link loops are listed with their problem, and so are special files, unreadable
    files, and files that vanish while the folder is listed.

    Args:
      root: Path of a folder.
      check: Called before each file and folder; may raise to stop.

    Raises:
      RootError: if the root is missing, is not a folder, or cannot be listed.
    """
    return sorted(walk(root, "", (), check, _by_path), key=attrgetter("path"))


@frozen
class _Place:
    """A folder that is still to be listed."""

    path: str
    """Relative to the root: ``""`` or ``"a/b/"``."""
    rules: tuple[RuleFile, ...]
    """The rules of its parent folders."""


Opener: TypeAlias = Callable[[str, Sequence[str]], AbstractContextManager[OpenFolder]]
"""Opens the folder that the names lead to, from a root."""


def _by_path(root: str, parts: Sequence[str]) -> AbstractContextManager[OpenFolder]:
    """Return a folder as its path, which costs nothing. A link that replaces it is followed."""
    return nullcontext(OpenFolder(None, os.path.join(root, *parts)))


def walk(
    root: str,
    start: str,
    rules: tuple[RuleFile, ...],
    check: Check,
    open_: Opener = open_folder,
) -> Generator[FileEntry, None, None]:
    """Yield the files of a folder below a root, in no particular order.

    Args:
      root: Path of the root.
      start: Path of the folder, relative to the root, ``""`` or with a slash at its end.
      rules: The rules of the folders above it.
      check: Called before each file and folder; may raise to stop.
      open_: How folders are opened.

    Raises:
      RootError: if the root is missing, is not a folder, or cannot be listed.
    """
    places = [_Place(start, rules)]
    while places:
        place = places.pop()
        try:
            with _open_place(root, place, open_) as folder:
                for found in _list_place(folder, root, place, check):
                    if isinstance(found, _Place):
                        places.append(found)
                    else:
                        yield found
        except _CannotListError as exc:
            yield _cannot_list(root, place, exc.problem)


class _CannotListError(Exception):
    """Raised if a folder cannot be opened or listed. Internal."""

    def __init__(self, problem: Exception) -> None:
        super().__init__(problem)
        self.problem = problem


@contextmanager
def _open_place(root: str, place: _Place, open_: Opener) -> Iterator[OpenFolder]:
    with ExitStack() as stack:
        try:
            parts = [part for part in place.path.split("/") if part]
            folder = stack.enter_context(open_(root, parts))
        except (OSError, ValueError, OutsideRootError) as error:
            raise _CannotListError(error) from error
        yield folder


def _list_place(
    folder: OpenFolder, root: str, place: _Place, check: Check
) -> Iterator[FileEntry | _Place]:
    try:
        names = folder.names()
    except (OSError, ValueError) as error:
        raise _CannotListError(error) from error
    rules = place.rules + rules_of(folder, root, place.path, names)
    for name in names:
        check()
        found = _look_at(folder, root, place.path + name, rules) if name != NEVER_LISTED else None
        if found is not None:
            yield found


def _cannot_list(root: str, place: _Place, error: Exception) -> FileEntry:
    if not place.path:
        problem = (isinstance(error, OSError) and error.strerror) or str(error)
        raise RootError(to_text(root), problem) from error
    path = place.path.removesuffix("/")
    if isinstance(error, OutsideRootError):  # a link has replaced it
        return _entry(root, path, ("vanished", error.problem))
    assert isinstance(error, OSError)  # names that the system returned are valid
    return _entry(root, path, problem_of(error))


def _look_at(
    folder: OpenFolder, root: str, path: str, rules: tuple[RuleFile, ...]
) -> FileEntry | _Place | None:
    """Return the entry or folder at *path*, or None if it is excluded."""
    name = path.rpartition("/")[2]
    try:
        mode = folder.stat(name).st_mode
    except OSError as error:
        return _entry(root, path, problem_of(error))
    if is_ignored(path, stat.S_ISDIR(mode), rules):
        return None
    if stat.S_ISDIR(mode):
        return _Place(f"{path}/", rules)
    if stat.S_ISREG(mode):
        return _entry(root, path)
    if not stat.S_ISLNK(mode):
        return _entry(root, path, ("not a file", describe_special(mode)))
    problem = _problem_of_link(folder, name, os.path.join(root, path))
    return _entry(root, path, problem) if problem else None


def _problem_of_link(folder: OpenFolder, name: str, link: str) -> tuple[ProblemKind, str] | None:
    try:
        folder.stat(name, follow_link=True)
    except OSError as error:
        kind, detail = problem_of(error)
        return "broken link" if kind == "vanished" else kind, detail
    here, target = os.path.realpath(os.path.dirname(link)), os.path.realpath(link)
    if Path(here).is_relative_to(target):
        return "link loop", "leads to a folder that contains it"
    return None


def _entry(root: str, path: str, problem: tuple[ProblemKind | None, str] = (None, "")) -> FileEntry:
    return FileEntry(to_text(root), to_text(path), *problem)
