"""The errors of bodies that run in another process."""

from __future__ import annotations

import attrs

from trioflow.errors import NonRetryableError


@attrs.define(eq=False)
class NotPicklableError(NonRetryableError):
    """Raised when a value cannot be sent to or from a worker process. Never retried."""

    what: str
    """Which value: ``"input"``, ``"result"``, ``"chunk"``, ``"answer"``, ..."""
    step: str
    path: str
    """The part of the value: ``"city.name"``, ``"items[2]"``, or ``""`` for the whole value."""
    type_name: str
    reason: str
    """The message of pickle."""

    def __str__(self) -> str:
        subject = f"its {self.path!r}" if self.path else "it"
        return (
            f"{self.what} of step {self.step!r} cannot be sent between processes: {subject} is "
            f"of type {self.type_name} ({self.reason}); use plain data or another runner"
        )


@attrs.define(eq=False)
class NotInWorkerError(NonRetryableError):
    """Raised when a method of the context is not available in a worker process."""

    step: str
    method: str
    remedy: str

    def __str__(self) -> str:
        return (
            f"step {self.step!r} called {self.method}, which does not work in a worker process; "
            f"{self.remedy}"
        )
