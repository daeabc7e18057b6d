"""``files.grep``: search the files of a folder for lines that match a pattern."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import closing

import trio

from trioflow import tool
from trioflow_files.errors import InvalidPatternError
from trioflow_files.ignore import Rule, parse_rule
from trioflow_files.listing import list_entries
from trioflow_files.matcher import Matcher
from trioflow_files.models import FileEntry, Match, Problem
from trioflow_files.names import to_path
from trioflow_files.reading import (
    Check,
    do_not_check,
    location_of,
    problem_of,
    read_chunks,
    shows_binary,
)

SEARCHED = 64 * 1024
"""Bytes to search before matches are yielded; every second byte may begin a match."""


@tool(id="files.grep")
async def grep(
    pattern: str, root: str = ".", glob: str | None = None
) -> AsyncGenerator[Match | Problem, None]:
    """Search the files of a folder, and yield each matching line as it is found.

    Files are sorted by path; their lines are in order. Binary files and files that
    ``files.list`` excludes are not searched. An unreadable file is yielded as a
    `Problem`, so an empty output means that all files were searched.

    Args:
      pattern: A regular expression of Python's `re`, searched line by line in UTF-8.
      root: Path of a folder.
      glob: Search only files that this .gitignore pattern selects: ``"*.py"``, ``"docs/"``.

    Raises:
      InvalidPatternError: if *pattern* or *glob* is invalid.
      RootError: if the root is missing, is not a folder, or cannot be listed.
      SlowPatternError: if searching 64 KiB takes more than 10 seconds of processor time, because
        of nested repetition. Not on Windows.
      SearchCrashedError: if the process that searches dies.

    Memory is bounded: a line over 1 MiB is searched in pieces, and a match that spans two
    of them is missed.

    **Cancellation**: at once. The search runs in a process of its own, which is killed. A thread
    reads only between two pieces, never while the caller processes one.

    **Checkpoints**: before the first piece and between files, not between the matches of
    one chunk.
    """
    selects = compile_glob(glob)
    check = trio.from_thread.check_cancelled
    async with Matcher(pattern) as matcher:
        for entry in await trio.to_thread.run_sync(select_entries, root, selects, check):
            with closing(read_entry(entry, check)) as parts:
                while (part := await trio.to_thread.run_sync(next, parts, None)) is not None:
                    if isinstance(part, Problem):
                        yield part
                        continue
                    for found in await matcher.search(part):
                        yield Match(entry.path, *found)


def compile_glob(glob: str | None) -> Callable[[FileEntry], bool]:
    """Return a function that checks whether *glob* selects an entry; None selects all.

    An entry with a problem is always selected: it may be a folder with files to search.

    Raises:
      InvalidPatternError: if it is invalid, or cannot select anything.
    """
    if glob is None:
        return lambda entry: True
    remedy = "write it as in .gitignore: '*.py' or 'docs/'"
    try:
        rule = parse_rule(os.fsencode(glob))
    except UnicodeEncodeError as error:
        raise InvalidPatternError("glob", glob, str(error), remedy) from error
    if rule is None or not rule.ignores:
        raise InvalidPatternError("glob", glob, "it selects nothing", remedy)
    return lambda entry: entry.problem is not None or _is_selected(entry, rule)


def _is_selected(entry: FileEntry, rule: Rule) -> bool:
    """Return whether a pattern selects a file or a folder that contains it."""
    path = os.fsencode(to_path(entry.path))
    if rule.matches(path, False):
        return True
    ends = (at for at, byte in enumerate(path) if byte == ord("/"))
    return any(rule.matches(path[:end], True) for end in ends)


def select_entries(
    root: str, selects: Callable[[FileEntry], bool], check: Check = do_not_check
) -> list[FileEntry]:
    """Return the selected entries of the folder, sorted by path.

    Raises:
      RootError: if the root is missing, is not a folder, or cannot be listed.
    """
    return [entry for entry in list_entries(root, check) if selects(entry)]


def read_entry(
    entry: FileEntry, check: Check = do_not_check
) -> Generator[bytes | Problem, None, None]:
    """Yield the text of a file in chunks, the last of them empty, and the problem with it.

    A binary file has no text.
    """
    if entry.problem == "unreadable":
        yield Problem(entry.path, entry.problem, entry.detail)
    if entry.problem is not None:
        return
    size = 0
    try:
        for chunk in read_chunks(location_of(entry), check, SEARCHED):
            if shows_binary(chunk, size):
                break
            size += len(chunk)
            yield chunk
    except OSError as error:
        problem, detail = problem_of(error)
        if problem == "unreadable":
            yield Problem(entry.path, problem, detail)
    yield b""
