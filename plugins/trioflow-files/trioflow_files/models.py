"""The values that steps exchange, and the report.

All of them are flat and have a JSON form. Paths are strings as `trioflow_files.names` writes
them: relative to the folder, with forward slashes, printable, and the same on every system.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

ProblemKind = Literal["broken link", "link loop", "not a file", "unreadable", "vanished"]
"""Why something in the folder could not be read.

========================= =================================================================
``"broken link"``         a symbolic link to nothing
``"link loop"``           a symbolic link to itself, or to a folder that contains it
``"not a file"``          a FIFO, socket or device; or a folder that replaced a file
``"unreadable"``          the system refused, for example because a permission is missing
``"vanished"``            it was removed after the folder was listed
========================= =================================================================
"""


@frozen
class Folder:
    """A folder: the input of ``files.list`` and ``files.report``."""

    root: str = "."
    """Path of the folder in the system's form, absolute or relative to the working directory."""


@frozen
class FileEntry:
    """One file of a folder, or an entry that cannot be read."""

    root: str
    """The folder, printable (see `trioflow_files.names`)."""
    path: str
    """The file, relative to *root*."""
    problem: ProblemKind | None = None
    """None for a regular file."""
    detail: str = ""
    """The message of the system."""


@frozen
class FileText:
    """Lines of a text file: the output of ``files.read``."""

    path: str
    text: str
    first_line: int
    """Number of the first line, counted from 1."""
    lines: int
    """How many lines it has."""
    is_cut: bool
    """Whether the file has more after it."""


@frozen
class FileDigest:
    """The measurements of one file. All figures are zero if there is a problem."""

    path: str
    bytes: int = 0
    lines: int = 0
    """Number of lines, including a last one without a line feed; 0 for a binary file."""
    words: int = 0
    """Number of runs of bytes between ASCII white space; 0 for a binary file."""
    sha256: str = ""
    """64 hexadecimal digits."""
    binary: bool = False
    """Whether the first 8000 bytes contain a NUL, the criterion of git."""
    problem: ProblemKind | None = None
    detail: str = ""


@frozen
class FileSize:
    """A file and its size."""

    path: str
    bytes: int


@frozen
class DuplicateGroup:
    """Files with the same content."""

    bytes: int
    """Size of each file."""
    wasted: int
    """Bytes that would be saved by keeping only one of them."""
    sha256: str
    paths: list[str]


@frozen
class ExtensionTotal:
    """All files with one extension."""

    extension: str
    """In lower case with its dot, such as ``".py"``; empty for files without extension."""
    files: int
    bytes: int
    lines: int
    words: int


@frozen
class Problem:
    """An entry of the folder that could not be read."""

    path: str
    problem: ProblemKind
    detail: str


@frozen
class Findings:
    """The input of ``files.summarize``."""

    root: str
    digests: list[FileDigest]
    largest: list[FileSize]
    duplicates: list[DuplicateGroup]
    extensions: list[ExtensionTotal]


@frozen
class Report:
    """A report on a folder. The figures include only files that could be read."""

    root: str
    files: int
    bytes: int
    lines: int
    words: int
    largest: list[FileSize]
    """The ten largest files, the largest first."""
    duplicates: list[DuplicateGroup]
    """The most wasteful first. Empty files do not count as duplicates."""
    extensions: list[ExtensionTotal]
    """The one with most bytes first."""
    binary: list[FileSize]
    """Binary files; they count as files and bytes, but not as lines and words."""
    problems: list[Problem]
    """The entries that could not be read, and why."""


@frozen
class Match:
    """A line that matches the pattern: one piece of ``files.grep``."""

    path: str
    line: int
    """Line number, counted from 1."""
    column: int
    """Where the first match begins in the line, in characters counted from 1."""
    text: str
    """The line, or the part around the match if the line is long."""
