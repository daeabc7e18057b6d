"""The errors that callers of the plugin may catch.

All derive from `NonRetryableError`: the same arguments would fail again in the same way.
Fields are positional, so that the errors can be pickled.
"""

from __future__ import annotations

import attrs

from trioflow import NonRetryableError


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
