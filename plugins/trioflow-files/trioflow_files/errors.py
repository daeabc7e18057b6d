"""What a caller of the plugin may want to catch.

Both are `NonRetryableError`: the same arguments would fail again in the same way. Fields
are positional, so that the errors survive pickling.
"""

from __future__ import annotations

import attrs

from trioflow import NonRetryableError


@attrs.define(eq=False)
class RootError(NonRetryableError):
    """Raised when the root is missing, is not a folder, or may not be listed."""

    root: str
    problem: str

    def __str__(self) -> str:
        return f"cannot list root {self.root!r}: {self.problem}; give it the path of a folder"


@attrs.define(eq=False)
class InvalidPatternError(NonRetryableError):
    """Raised when a regular expression or glob cannot be understood."""

    argument: str
    """Which argument it was: ``"pattern"`` or ``"glob"``."""
    pattern: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.argument} {self.pattern!r}: {self.problem}; {self.remedy}"
