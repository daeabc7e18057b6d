"""The error that callers of steps in worker processes may catch, besides those of all runners."""

from __future__ import annotations

import signal

import attrs

from trioflow.errors import TrioflowError


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
