"""``files.grep``: search the files of a folder for lines that match a pattern."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from contextlib import closing

import trio
from attrs import frozen
from pathspec import GitIgnoreSpec

from trioflow import tool
from trioflow_files.errors import InvalidPatternError
from trioflow_files.listing import list_entries
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
LONGEST_LINE = 1024 * 1024
"""Bytes; a longer line is searched in pieces of about this size."""
SHOWN = 300
"""Maximum number of characters of a line that a match shows."""
SHOWN_BEFORE = 100
"""Maximum number of these characters before the match, if the line is longer than `SHOWN`."""


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

    Memory is bounded: a line over 1 MiB is searched in pieces, and a match that spans two
    of them is missed.

    **Cancellation**: noticed after each chunk of 64 KiB. A thread reads and searches only
    between two pieces, never while the caller processes one. A pattern with
    nested repetition can take very long on a single line and cannot be interrupted there.

    **Checkpoints**: before the first piece and between files, not between the matches of
    one chunk.
    """
    regex = compile_pattern(pattern)
    selects = compile_glob(glob)
    check = trio.from_thread.check_cancelled
    for entry in await trio.to_thread.run_sync(select_entries, root, selects, check):
        with closing(search_entry(entry, regex, check)) as batches:
            while (batch := await trio.to_thread.run_sync(next, batches, None)) is not None:
                for piece in batch:
                    yield piece


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the compiled regular expression.

    Raises:
      InvalidPatternError: if it is invalid.
    """
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidPatternError(
            "pattern", pattern, str(error), "give it a regular expression of Python's re"
        ) from error


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
        spec = GitIgnoreSpec.from_lines([glob])
    except (ValueError, re.error) as error:
        raise InvalidPatternError("glob", glob, str(error), remedy) from error
    if not any(pattern.include for pattern in spec.patterns):
        raise InvalidPatternError("glob", glob, "it selects nothing", remedy)
    return lambda entry: entry.problem is not None or spec.match_file(to_path(entry.path))


def select_entries(
    root: str, selects: Callable[[FileEntry], bool], check: Check = do_not_check
) -> list[FileEntry]:
    """Return the selected entries of the folder, sorted by path.

    Raises:
      RootError: if the root is missing, is not a folder, or cannot be listed.
    """
    return [entry for entry in list_entries(root, check) if selects(entry)]


def search_entry(
    entry: FileEntry, regex: re.Pattern[str], check: Check = do_not_check
) -> Generator[list[Match | Problem], None, None]:
    """Yield the matches in one file, or the problem with it, a chunk at a time."""
    if entry.problem == "unreadable":
        yield [Problem(entry.path, entry.problem, entry.detail)]
    if entry.problem is not None:
        return
    chunks = read_chunks(location_of(entry), check, SEARCHED)
    try:
        for batch in search_lines(entry.path, chunks, regex):
            yield [*batch]
    except OSError as error:
        problem, detail = problem_of(error)
        if problem == "unreadable":
            yield [Problem(entry.path, problem, detail)]


def search_lines(
    path: str, chunks: Iterable[bytes], regex: re.Pattern[str], longest: int = LONGEST_LINE
) -> Iterator[list[Match]]:
    """Yield the matches in a text, one list for each chunk with matches.

    A line is reported once, with its first match.
    """
    reported = 0
    for pieces in _split_lines(chunks, longest):
        matches = []
        for piece in pieces:
            hit = regex.search(piece.text) if piece.line != reported else None
            if hit:
                reported = piece.line
                column = piece.before + hit.start() + 1
                matches.append(Match(path, piece.line, column, _excerpt(piece.text, hit.start())))
        if matches:
            yield matches


@frozen
class _Piece:
    """A line, or a part of a line that is too long to hold."""

    line: int
    before: int
    """Number of characters of the line before this piece."""
    text: str


def _split_lines(chunks: Iterable[bytes], longest: int) -> Iterator[list[_Piece]]:
    """Yield for each chunk the lines that end in it; for a binary file, yield nothing."""
    line, before, rest, size = 1, 0, b"", 0
    for chunk in chunks:
        if shows_binary(chunk, size):
            return
        size += len(chunk)
        pieces = []
        *ended, rest = (rest + chunk).split(b"\n")
        for content in ended:
            pieces.append(_Piece(line, before, _decode(content)))
            line, before = line + 1, 0
        if len(rest) >= longest:
            pieces.append(_Piece(line, before, _decode(rest)))
            before, rest = before + len(pieces[-1].text), b""
        yield pieces
    if rest:
        yield [_Piece(line, before, _decode(rest))]


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "replace").removesuffix("\r")


def _excerpt(text: str, start: int) -> str:
    if len(text) <= SHOWN:
        return text
    first = max(0, min(start - SHOWN_BEFORE, len(text) - SHOWN))
    return text[first : first + SHOWN]
