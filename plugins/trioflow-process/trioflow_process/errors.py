"""The errors that callers of steps in worker processes may catch."""

from __future__ import annotations

import signal

import attrs

from trioflow.errors import NonRetryableError, TrioflowError


@attrs.define(eq=False)
class WorkerCrashedError(TrioflowError):
    """Raised when a worker process exits during a step. Can be retried."""

    step: str
    exitcode: int | None
    """As in `multiprocessing.Process`: negative for a signal; None if it is unknown."""

    def __str__(self) -> str:
        return f"the worker process of step {self.step!r} {how_it_ended(self.exitcode)}"


def how_it_ended(code: int | None) -> str:
    """Describe the exit code of a worker, as in `multiprocessing.Process`."""
    if code is None:
        return "exited unexpectedly"
    if code >= 0:
        return (
            f"exited with code {code}; see its stderr, and note that a script needs "
            "`if __name__ == '__main__':` around the code that it runs"
        )
    hint = "; is there too little memory?" if -code == signal.SIGKILL else ""
    return f"was killed by {_name_of(-code)}{hint}"


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no names
        return f"signal {number}"


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
