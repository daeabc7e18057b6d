"""What is wrong with a request, as an exception and as the JSON that the client gets.

Mistakes of the caller are 4xx, so that clients that repeat every 5xx do not repeat them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from trioflow import errors

logger = logging.getLogger("trioflow.server")


@attrs.frozen
class Issue:
    """One part of a request that is wrong."""

    field: str
    """Where: dotted, ``"root"`` for the whole."""
    message: str


@attrs.define(eq=False)
class Problem(Exception):  # noqa: N818 - it is not always an error of this program
    """Ends a request with an error status."""

    status: int
    error: str
    """For people."""
    code: str
    """For programs."""
    issues: Sequence[Issue] = ()
    headers: Mapping[str, str] = attrs.field(factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.error}"

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the answer."""
        body: dict[str, Any] = {"error": self.error, "code": self.code}
        if self.issues:
            body["issues"] = [attrs.asdict(issue) for issue in self.issues]
        return body


def invalid(part: str, issues: Iterable[Issue]) -> Problem:
    """Return the problem of a request that does not parse.

    Args:
      part: ``"request body"``, ``"query parameters"`` or ``"path parameters"``.
    """
    return Problem(400, f"Invalid {part}", f"invalid-{part.replace(' ', '-')}", tuple(issues))


def workflow_not_found() -> Problem:
    """Return the problem of a workflow that is not served."""
    return Problem(404, "Workflow not found", "workflow-not-found")


def run_not_found() -> Problem:
    """Return the problem of a run that does not exist, or that the principal may not see."""
    return Problem(404, "Workflow run not found", "run-not-found")


def tool_not_found() -> Problem:
    """Return the problem of a tool that is not served."""
    return Problem(404, "Tool not found", "tool-not-found")


_KNOWN: tuple[tuple[type[Exception], int, str], ...] = (
    (errors.UnknownStepError, 400, "unknown-step"),
    (errors.NotSuspendedError, 400, "step-not-suspended"),
    (errors.AmbiguousResumeError, 400, "ambiguous-step"),
    (errors.InvalidValueError, 400, "invalid-value"),
    (errors.FaultsError, 400, "invalid-value"),
    (errors.InvalidIdError, 400, "invalid-id"),
    (errors.NotSerializableError, 400, "value-not-serializable"),
    (errors.RequestTooLargeError, 413, "request-too-large"),
    (errors.InboxFullError, 429, "inbox-full"),
    (errors.MailboxFullError, 429, "inbox-full"),
    (errors.RequestRefusedError, 400, "request-refused"),
    (errors.RunFinishedError, 409, "run-finished"),
    (errors.NotResumableError, 409, "run-not-resumable"),
    (errors.RunStateError, 409, "run-state"),
    (errors.DuplicateRunError, 409, "run-exists"),
    (errors.RunClaimedError, 409, "run-driven-elsewhere"),
    (errors.JournalConflictError, 409, "run-changed"),
    (errors.UnreadableRunError, 409, "run-unreadable"),
    (errors.UnreadableScheduleError, 409, "schedule-unreadable"),
    (errors.WorkflowChangedError, 409, "workflow-changed"),
    (errors.JournalFormatError, 409, "run-unreadable"),
    (errors.HistoryGap, 410, "history-gap"),
)
"""Errors of trioflow that are answered with their own message, more special ones first."""


def problem_of(error: Exception) -> Problem:
    """Return the problem to answer an exception with; log those that are not the caller's."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        return problem_of(error.exceptions[0])
    if isinstance(error, errors.UnknownRunError):
        return run_not_found()
    if isinstance(error, errors.UnknownNameError) and error.kind == "workflow":
        return workflow_not_found()
    for kind, status, code in _KNOWN:
        if isinstance(error, kind):
            return Problem(status, str(error), code, _issues_of(error))
    if isinstance(error, errors.StoreError):
        logger.warning("the store failed a request: %s", error)
        # The message may show where the store is.
        return Problem(503, "The store is not available", "store-unavailable")
    logger.error("a request failed", exc_info=error)
    return Problem(500, "Internal error", "internal")


def _issues_of(error: Exception) -> tuple[Issue, ...]:
    if not isinstance(error, errors.InvalidValueError | errors.FaultsError):
        return ()
    return tuple(Issue(fault.path or "root", fault.problem) for fault in error.faults)


def value_problem(error: errors.InvalidValueError, what: str) -> Problem:
    """Return the problem of a value that does not fit its type, in the words of clients.

    Args:
      what: ``"input"`` or ``"resume"``.
    """
    lines = [f"- {fault.path or 'root'}: {fault.problem}" for fault in error.faults]
    text = "\n".join((f"Invalid {what} data: ", *lines))
    return Problem(400, text, "invalid-value", _issues_of(error))
