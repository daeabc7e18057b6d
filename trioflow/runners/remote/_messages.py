"""The messages between a body elsewhere and its run.

User values are the content of a message, pickled separately, so that a message can be read even if
such a value cannot.
"""

from __future__ import annotations

from typing import Any, Literal

import attrs

from trioflow.runners.remote._packing import PackedError


@attrs.frozen
class CallFacts:
    """The properties of a step call that do not change."""

    run_id: str
    workflow_id: str
    step_id: str
    step_call_id: str
    attempt: int
    iteration: int | None
    values: Any = None
    """What the worker needs to put and get large values itself; None if it cannot."""


@attrs.frozen
class Job:
    """A body to run. Its content is the function, its arguments, and the current step."""

    facts: CallFacts
    levels: Any
    """The levels of loggers, if they have changed; None otherwise."""
    reports: bool
    """Whether the worker reports with `Begun` that the body begins."""
    is_async: bool = False
    """Whether the function is an ``async def``, to be awaited in the event loop of the worker."""
    window: int = 1
    """How many chunks may be under way to the run; with 1, each write waits for its answer."""


@attrs.frozen
class Begun:
    """The body begins."""


@attrs.frozen
class Returned:
    """The body returned. The content is its output."""

    is_clean: bool
    """Whether the worker can run other bodies: what this one has changed was undone."""


@attrs.frozen
class Raised:
    """The body, or the code that calls it, raised an exception."""

    is_clean: bool
    error: PackedError


@attrs.frozen
class Stopped:
    """The body called ``ctx.suspend`` or ``ctx.bail``, or the run interrupted it.

    The content is the arguments of that call.
    """

    is_clean: bool
    method: str


Outcome = Returned | Raised | Stopped


@attrs.frozen
class Ask:
    """A request of the worker to the context of the step. The content is its value."""

    id: int
    method: str


@attrs.frozen
class Cancel:
    """Cancels a request. The run still sends an answer."""

    id: int


@attrs.frozen
class Answer:
    """The answer to an `Ask`. The content is what was returned, or the `PackedError`."""

    id: int
    kind: Literal["result", "error", "canceled", "stopped"]
    """``"stopped"``: the body must end, for example because a question has no answer yet."""


@attrs.frozen
class LogRecord:
    """A log record of the worker. The content is its attributes."""


Message = Job | Begun | Outcome | Ask | Cancel | Answer | LogRecord
Frame = tuple[Any, bytes | bytearray]
"""A message, or one that only a runner and its workers know, with its content."""
