"""Reading, listing and writing below a root, for callers who are not trusted, such as models.

Everything stays below the root (see `trioflow_files.confined`), and everything is bounded. What
``files.report`` leaves out, files that .gitignore excludes and ``.git``, is not accessible: it
holds secrets more often than anything else.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter

from trioflow_files.confined import LINK, OpenFolder, open_folder, parts_of
from trioflow_files.errors import (
    IgnoredFileError,
    OutsideRootError,
    RootError,
    TooLargeError,
    UnreadableError,
)
from trioflow_files.ignore import RuleFile, is_ignored
from trioflow_files.listing import walk
from trioflow_files.models import FileEntry, FileText
from trioflow_files.names import to_path, to_text
from trioflow_files.reading import CHUNK, Check, do_not_check, problem_of
from trioflow_files.rule_files import NEVER_LISTED, RULES, rules_of
from trioflow_files.texts import as_text, cut_lines

SCANNED = 4 * 1024 * 1024
"""Only so many bytes of a file are read; lines after them are not found."""
MAX_TEXT = 100_000
"""How many characters of a file are returned by default."""
MAX_LISTED = 10_000
"""How many files are listed by default."""

SHOWN = 50
"""How many folders an error names."""


def read_text(
    root: str,
    path: str,
    first_line: int = 1,
    limit: int = MAX_TEXT,
    check: Check = do_not_check,
) -> FileText:
    """Return lines of a text file.

    Args:
      root: Path of a folder; it may be a link.
      path: The file, relative to the root, as `trioflow_files.to_text` writes it.
      first_line: Number of the first line, counted from 1.
      limit: Maximum number of characters.
      check: Called after each chunk; may raise to stop.

    Raises:
      OutsideRootError: if the path may lead out of the root.
      IgnoredFileError: if ``files.list`` leaves the file out.
      NotTextError: if the file is binary, or not UTF-8.
      TooLargeError: if the line is not in the first 4 MiB.
      UnreadableError: if the file is missing, special, or refused by the system.
      RootError: if the root is not a folder.
      ValueError: if *first_line* or *limit* is less than 1.
    """
    _need_positive(first_line=first_line, limit=limit)
    with _reported(root, path):
        parts = parts_of(path)
        _rules_above(root, parts)
        with open_folder(root, parts[:-1]) as folder, folder.open_file(_name_of(parts)) as file:
            data = _read(file, check)
    shown = to_text("/".join(parts))
    is_cut = len(data) > SCANNED
    text = as_text(data[:SCANNED], shown, is_cut=is_cut)
    return cut_lines(text, shown, first_line, limit, is_cut=is_cut)


def list_below(
    root: str, path: str = "", limit: int = MAX_LISTED, check: Check = do_not_check
) -> list[FileEntry]:
    """Return the files of a folder below a root, sorted by path.

    The paths are relative to the root. The list is that of ``files.report``, see `list_entries`.

    Args:
      root: Path of a folder; it may be a link.
      path: The folder, relative to the root.
      limit: Maximum number of files.
      check: Called before each file and folder; may raise to stop.

    Raises:
      OutsideRootError: if the path may lead out of the root.
      IgnoredFileError: if ``files.report`` leaves the folder out.
      TooLargeError: if there are more files.
      UnreadableError: if there is no such folder, or the system refuses to list it.
      RootError: if the root is not a folder.
      ValueError: if *limit* is less than 1.
    """
    _need_positive(limit=limit)
    with _reported(root, path):
        parts = parts_of(path)
        rules = _rules_above(root, parts)
        with open_folder(root, parts):
            pass  # or the error would be a row
        found: list[FileEntry] = []
        for entry in walk(root, "".join(f"{part}/" for part in parts), rules, check):
            found.append(entry)
            if len(found) > limit:
                raise TooLargeError(_shown(path), _too_many(root, parts, limit))
    return sorted(found, key=attrgetter("path"))


def write_text(root: str, path: str, text: str, *, overwrite: bool = False) -> int:
    """Write a text file below a root, as UTF-8, and return its size in bytes.

    A file that exists is replaced as a whole. A link is replaced, and not what it leads to.

    Args:
      root: Path of a folder; it may be a link.
      path: The file, relative to the root; its folder must exist.
      text: The content.
      overwrite: Whether the file may exist.

    Raises:
      OutsideRootError: if the path may lead out of the root.
      IgnoredFileError: if it is in ``.git``.
      UnreadableError: if the file exists and may not, or the system refuses.
      RootError: if the root is not a folder.
    """
    with _reported(root, path):
        parts = parts_of(path)
        _refuse_own_folder(parts)
        name = _name_of(parts)
        data = text.encode("utf-8", "backslashreplace")
        with open_folder(root, parts[:-1]) as folder:
            if not overwrite:
                _create(folder, name, data)
                return len(data)
            draft = f".{secrets.token_hex(8)}.new"
            _create(folder, draft, data)
            try:
                folder.replace(draft, name)
            except BaseException:
                folder.remove(draft)
                raise
    return len(data)


def _too_many(root: str, parts: Sequence[str], limit: int) -> str:
    """Return what is wrong with a folder of too many files, and what to list in place of it."""
    with open_folder(root, parts) as folder:
        names = sorted(folder.names())
        inner = [to_text(name) for name in names if stat.S_ISDIR(folder.stat(name).st_mode)]
    shown = [name for name in inner if name != NEVER_LISTED][:SHOWN]
    remedy = f"list one of its folders ({', '.join(shown)})" if shown else "raise the limit"
    return f"has more than {limit:,} files; {remedy}"


def _create(folder: OpenFolder, name: str, data: bytes) -> None:
    descriptor = folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with open(descriptor, "wb") as file:
        file.write(data)


def _read(file: io.FileIO, check: Check) -> bytes:
    """Return the beginning of a file, and at least one byte more if there is more."""
    chunks, size = [], 0
    while size <= SCANNED:
        chunk = file.read(CHUNK)
        check()
        if chunk is None:
            raise BlockingIOError(0, "it has nothing to read now")
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _name_of(parts: Sequence[str]) -> str:
    if not parts:
        raise IsADirectoryError(0, "is the root")
    return parts[-1]


def _refuse_own_folder(parts: Sequence[str]) -> None:
    # Some systems do not distinguish upper and lower case.
    if any(part.casefold() == NEVER_LISTED for part in parts):
        raise IgnoredFileError(to_text("/".join(parts)), f"is in {NEVER_LISTED}")


def _rules_above(root: str, parts: Sequence[str]) -> tuple[RuleFile, ...]:
    """Return the rules of all folders on the way to a path.

    Raises:
      IgnoredFileError: if one of them excludes it.
    """
    _refuse_own_folder(parts)
    rules: tuple[RuleFile, ...] = ()
    for number, name in enumerate(parts):
        with open_folder(root, parts[:number]) as folder:
            before = "".join(f"{part}/" for part in parts[:number])
            rules += rules_of(folder, root, before, (NEVER_LISTED, RULES))
            is_folder = stat.S_ISDIR(folder.stat(name).st_mode)
        if is_ignored(before + name, is_folder, rules):
            raise IgnoredFileError(to_text(before + name), f"is excluded by a {RULES} file")
    return rules


@contextmanager
def _reported(root: str, path: str) -> Iterator[None]:
    """Raise what the system says of a path as an error of this plugin."""
    try:
        yield
    except OSError as error:
        kind, detail = problem_of(error)
        if not os.path.isdir(root):
            raise RootError(to_text(root), detail) from error
        if error.errno == errno.ELOOP:
            raise OutsideRootError(_shown(path), LINK) from error
        raise UnreadableError(_shown(path), f"cannot be used: {detail}", kind) from error
    except ValueError as error:  # a NUL, or a surrogate that stands for no byte
        if not os.path.isdir(root):
            raise RootError(to_text(root), str(error)) from error
        problem = f"cannot be used: no file has such a name ({error})"
        raise UnreadableError(_shown(path), problem, "vanished") from error


def _shown(path: str) -> str:
    return to_text(to_path(path)) or "."


def _need_positive(**given: int) -> None:
    for name, number in given.items():
        if number < 1:
            raise ValueError(f"{name} must be at least 1, not {number}")
