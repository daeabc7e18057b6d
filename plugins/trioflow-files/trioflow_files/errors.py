"""The errors that callers of the plugin may catch.

Fields are positional, so that the errors can be pickled. Most errors derive from
`NonRetryableError`: the same arguments would fail again in the same way. Those of ``files.read``,
``files.write`` and the tool ``files.list`` do not: an agent reports them to its model, which may
choose other arguments.
"""

from __future__ import annotations

import attrs

from trioflow import NonRetryableError, TrioflowError
from trioflow_files.models import ProblemKind


@attrs.define(eq=False)
class RootError(NonRetryableError):
    """Raised when the root is missing, is not a folder, or cannot be listed."""

    root: str
    problem: str

    def __str__(self) -> str:
        return f"cannot list root {self.root!r}: {self.problem}; give it the path of a folder"


@attrs.define(eq=False)
class InvalidPatternError(NonRetryableError):
    """Raised when a regular expression or glob is invalid."""

    argument: str
    """The name of the argument: ``"pattern"`` or ``"glob"``."""
    pattern: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.argument} {self.pattern!r}: {self.problem}; {self.remedy}"


@attrs.define(eq=False)
class SlowPatternError(NonRetryableError, TimeoutError):
    """Raised when the search for a regular expression takes too long."""

    pattern: str
    seconds: float
    """Seconds of processor time that a part of a file may take."""

    def __str__(self) -> str:
        return (
            f"pattern {self.pattern!r} took over {self.seconds:g} s for a part of a file; nested "
            "repetition, such as (a+)+, makes a search slow: write it without"
        )


@attrs.define(eq=False)
class SearchCrashedError(NonRetryableError):
    """Raised when the process that searches ends, for example because memory is short."""

    pattern: str
    exit_code: int
    """Exit code of the process; negative: the signal that ended it."""

    def __str__(self) -> str:
        return (
            f"the search for pattern {self.pattern!r} ended with exit code {self.exit_code}; "
            "is there too little memory?"
        )


@attrs.define(eq=False)
class FileAccessError(TrioflowError):
    """Raised when a file or folder below a root cannot be used. The base of the errors below."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path!r} {self.problem}"


@attrs.define(eq=False)
class OutsideRootError(FileAccessError):
    """Raised for a path that leads out of the root, or might: through ``..`` or a link."""


@attrs.define(eq=False)
class IgnoredFileError(FileAccessError):
    """Raised for a file that ``files.list`` leaves out: .gitignore excludes it, or it is in .git.

    ``files.write`` refuses only files in .git.
    """


@attrs.define(eq=False)
class NotTextError(FileAccessError):
    """Raised for a binary file, and for one that is not UTF-8."""


@attrs.define(eq=False)
class TooLargeError(FileAccessError):
    """Raised for a file or folder that exceeds a limit."""


@attrs.define(eq=False)
class UnreadableError(FileAccessError):
    """Raised for a file or folder that is missing, special, or refused by the system."""

    kind: ProblemKind = "unreadable"
