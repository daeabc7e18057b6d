"""Exit codes, and how errors are reported on the command line."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trioflow._cli.text import clean, duration
from trioflow.errors import (
    DefinitionError,
    DuplicateRunError,
    InvalidValueError,
    PluginError,
    RunClaimedError,
    TrioflowError,
    UnknownRunError,
)

if TYPE_CHECKING:
    from trioflow.events import RunStatus
    from trioflow.results import RunResult

SUCCESS = 0
FAILED = 1
USAGE = 2
BY_SIGNAL = 128
"""Added to the number of the signal that ended the run: 130 for Ctrl-C, 141 for a closed pipe."""
INTERRUPTED = BY_SIGNAL + 2
BROKEN_PIPE = BY_SIGNAL + 13
EXIT_CODES: Mapping[RunStatus, int] = {
    "success": SUCCESS,
    "failed": FAILED,
    "canceled": FAILED,
    "suspended": 3,
}


def exit_code(result: RunResult[Any]) -> int:
    """Return the exit code for a run that has ended or is suspended.

    A run that failed because something is wrong with its definition, or is not set up, was used in
    a wrong way: DefinitionError says what to set.
    """
    if isinstance(result.error, DefinitionError):
        return USAGE
    return EXIT_CODES[result.status]


class UsageError(TrioflowError):
    """Raised for a wrong command line. The message says what is wrong and what to do."""


def explain(error: TrioflowError) -> str:
    """Return an error as a short message without a traceback."""
    if isinstance(error, InvalidValueError):
        lines = [f"  {fault}" for fault in error.faults]
        return clean("\n".join([f"{error.what} of {error.owner} is invalid", *lines]))
    if isinstance(error, RunClaimedError):
        return clean(_claimed(error))
    if isinstance(error, UnknownRunError):
        return clean(f"there is no run {error.run_id!r} in the store; see: trioflow runs")
    if isinstance(error, DuplicateRunError):
        problem = f"run {error.run_id!r} already exists, and run ids are used once"
        return clean(f"{problem}; to see it: trioflow show {shlex.quote(error.run_id)}")
    lines = [str(error)]
    if isinstance(error, PluginError) and error.__cause__ is not None:
        lines.append(f"  caused by {type(error.__cause__).__name__}: {error.__cause__}")
    return clean("\n".join(lines))


def _claimed(error: RunClaimedError) -> str:
    owner = error.owner or "another process"
    held = error.held_for
    claim = "" if not held else f"; its claim holds for {duration(held)} unless it is renewed"
    return (
        f"run {error.run_id} is running in {owner}{claim}\n"
        f"to watch it: trioflow events {shlex.quote(error.run_id)} --follow"
    )
