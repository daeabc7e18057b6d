"""``files.list``: list the files of a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

import trio
from attrs import frozen

from trioflow import step
from trioflow_files.errors import RootError
from trioflow_files.ignore import Rule, RuleFile, is_ignored, read_rules
from trioflow_files.models import FileEntry, Folder, ProblemKind
from trioflow_files.names import to_text
from trioflow_files.reading import Check, describe_special, do_not_check, problem_of

NEVER_LISTED = ".git"
RULES = ".gitignore"
OWN_RULES = ".git/info/exclude"
"""What a working copy ignores in addition; .gitignore files have priority."""


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
    return sorted(_walk(root, check), key=attrgetter("path"))


@frozen
class _Place:
    """A folder that is still to be listed."""

    path: str
    """Relative to the root: ``""`` or ``"a/b/"``."""
    rules: tuple[RuleFile, ...]
    """The rules of its parent folders."""


def _walk(root: str, check: Check) -> Iterator[FileEntry]:
    places = [_Place("", ())]
    while places:
        for found in _list_place(root, places.pop(), check):
            if isinstance(found, _Place):
                places.append(found)
            else:
                yield found


def _list_place(root: str, place: _Place, check: Check) -> Iterator[FileEntry | _Place]:
    try:
        names = os.listdir(os.path.join(root, place.path))
    except (OSError, ValueError) as error:
        yield _cannot_list(root, place, error)
        return
    rules = place.rules + _rules_in(root, place.path, names)
    for name in names:
        check()
        found = _look_at(root, place.path + name, rules) if name != NEVER_LISTED else None
        if found is not None:
            yield found


def _cannot_list(root: str, place: _Place, error: OSError | ValueError) -> FileEntry:
    if not place.path:
        problem = (isinstance(error, OSError) and error.strerror) or str(error)
        raise RootError(to_text(root), problem) from error
    assert isinstance(error, OSError)  # names that the system returned are valid
    return _entry(root, place.path.removesuffix("/"), problem_of(error))


def _rules_in(root: str, folder: str, names: list[str]) -> tuple[RuleFile, ...]:
    found = []
    if not folder and NEVER_LISTED in names:
        found.append(_rules_of(root, OWN_RULES, follow_link=True))
    if RULES in names:
        found.append(_rules_of(root, folder + RULES, follow_link=False))
    return tuple(RuleFile(os.fsencode(folder), rules) for rules in found if rules)


def _rules_of(root: str, path: str, follow_link: bool) -> tuple[Rule, ...]:
    try:
        return read_rules(os.path.join(root, path), follow_link=follow_link)
    except OSError:
        return ()  # it is listed like any other file, and reading it reports the problem


def _look_at(root: str, path: str, rules: tuple[RuleFile, ...]) -> FileEntry | _Place | None:
    """Return the entry or folder at *path*, or None if it is excluded."""
    try:
        mode = os.lstat(os.path.join(root, path)).st_mode
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
    problem = _problem_of_link(os.path.join(root, path))
    return _entry(root, path, problem) if problem else None


def _problem_of_link(link: str) -> tuple[ProblemKind, str] | None:
    try:
        os.stat(link)
    except OSError as error:
        kind, detail = problem_of(error)
        return "broken link" if kind == "vanished" else kind, detail
    here, target = os.path.realpath(os.path.dirname(link)), os.path.realpath(link)
    if Path(here).is_relative_to(target):
        return "link loop", "leads to a folder that contains it"
    return None


def _entry(root: str, path: str, problem: tuple[ProblemKind | None, str] = (None, "")) -> FileEntry:
    return FileEntry(to_text(root), to_text(path), *problem)
