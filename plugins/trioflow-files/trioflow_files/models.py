"""The values that go from step to step, and the report they end in.

All of them are flat and have a JSON form. Paths are text as `trioflow_files.names` makes
it: relative to the folder, with forward slashes, printable, and the same on every system.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

ProblemKind = Literal["broken link", "link loop", "not a file", "unreadable", "vanished"]
"""Why something in the folder could not be read.

========================= =================================================================
``"broken link"``         a symbolic link to nothing
``"link loop"``           a symbolic link to itself, or to a folder that it lies in
``"not a file"``          a FIFO, socket or device; or a folder where a file was
``"unreadable"``          the system refused, for example for lack of permission
``"vanished"``            it was there when the folder was listed, but not any more
========================= =================================================================
"""


@frozen
class Folder:
    """What to look at: the input of ``files.list`` and ``files.report``."""

    root: str = "."
    """Path of a folder as the system knows it, absolute or from the working directory."""


@frozen
class FileEntry:
    """One file of a folder, or something there that cannot be read."""

    root: str
    """The folder, as text (see `trioflow_files.names`)."""
    path: str
    """The file, from *root*."""
    problem: ProblemKind | None = None
    """None for a regular file."""
    detail: str = ""
    """The problem in the system's words."""


@frozen
class FileDigest:
    """What is in one file. All figures are zero if there is a problem."""

    path: str
    bytes: int = 0
    lines: int = 0
    """How many lines, a last one without a line feed included; 0 for a binary file."""
    words: int = 0
    """How many runs of bytes between ASCII white space; 0 for a binary file."""
    sha256: str = ""
    """64 hexadecimal digits."""
    binary: bool = False
    """Whether there is a NUL among the first 8000 bytes, as git decides it."""
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
    """Size of one of them."""
    wasted: int
    """Bytes that would be free if only one of them were kept."""
    sha256: str
    paths: list[str]


@frozen
class ExtensionTotal:
    """All files with one extension."""

    extension: str
    """In lower case with its dot, such as ``".py"``; empty for files without one."""
    files: int
    bytes: int
    lines: int
    words: int


@frozen
class Problem:
    """Something in the folder that could not be read."""

    path: str
    problem: ProblemKind
    detail: str


@frozen
class Findings:
    """What ``files.summarize`` makes the report of."""

    root: str
    digests: list[FileDigest]
    largest: list[FileSize]
    duplicates: list[DuplicateGroup]
    extensions: list[ExtensionTotal]


@frozen
class Report:
    """What is in a folder. The figures count the files that could be read."""

    root: str
    files: int
    bytes: int
    lines: int
    words: int
    largest: list[FileSize]
    """The ten largest files, the largest first."""
    duplicates: list[DuplicateGroup]
    """The most wasteful first. Empty files are no duplicates."""
    extensions: list[ExtensionTotal]
    """The one with most bytes first."""
    binary: list[FileSize]
    """Files that are not text; they count as files and bytes, not as lines and words."""
    problems: list[Problem]
    """What could not be read, and why."""


@frozen
class Match:
    """A line that a pattern was found in: one piece of ``files.grep``."""

    path: str
    line: int
    """Number of the line, from 1."""
    column: int
    """Where in the line the first match begins, in characters from 1."""
    text: str
    """The line; of a long one the part around the match."""
