"""The errors that callers of the plugin may catch.

Both derive from `NonRetryableError`: the same arguments would fail again in the same way.
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
