"""Adds to log records the run and the step in which they were made.

There are two parts. `StepTracker`, an instrument, sets a context variable while a body runs.
Everything that the body calls sees it, as do threads that it starts through Trio and tasks that
it spawns. The logging side reads it: `StepContextFilter` for the standard library,
`add_step_context` for structlog, and `current_step` for everything else.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from typing import Any, Self

from trioflow.abc import BodyInfo, Instrument

_current: ContextVar[BodyInfo | None] = ContextVar("trioflow_step", default=None)


def current_step() -> BodyInfo | None:
    """Return the body of the step or tool that the calling code is part of.

    Also works in a worker process. Returns None outside steps, and in runs without a `StepTracker`.
    """
    return _current.get()


class StepTracker(Instrument):
    """Adds to log records the step in which they were made::

        handler.setFormatter(logging.Formatter("%(run_id)s %(step_id)s %(message)s"))
        async with open_engine(instruments=[StepTracker(handler)]) as engine: ...

    Args:
      handlers: Handlers that get a `StepContextFilter` while the engine is open. A format that
        names an attribute of the filter needs the filter on its handler. If you pass no
        handlers, add the filter yourself.
    """

    def __init__(self, *handlers: logging.Handler) -> None:
        self._handlers = handlers
        self._filter = StepContextFilter()

    async def __aenter__(self) -> Self:
        for handler in self._handlers:
            handler.addFilter(self._filter)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for handler in self._handlers:
            handler.removeFilter(self._filter)

    def around_body(self, body: BodyInfo) -> AbstractContextManager[None]:
        return _Tracked(body)


class _Tracked:
    """Makes a body the current one. A class, because that is faster and every body needs one."""

    __slots__ = ("_body", "_token")

    def __init__(self, body: BodyInfo) -> None:
        self._body = body

    def __enter__(self) -> None:
        self._token: Token[BodyInfo | None] = _current.set(self._body)

    def __exit__(self, *exc_info: object) -> None:
        _current.reset(self._token)


class StepContextFilter(logging.Filter):
    """Adds to log records where in a run they were made; passes all of them.

    Add it to a handler (the filters of a logger do not see the records of its children)::

        handler.addFilter(StepContextFilter())
        handler.setFormatter(logging.Formatter("%(run_id)s %(step_id)s %(message)s"))

    The attributes are ``run_id``, ``step_id``, ``step_call_id``, ``attempt`` (from 1) and
    ``tool`` (the id of the tool that the step has called). Outside steps they are empty
    strings, and ``attempt`` is 0, so that a format works for all records. Attributes that a
    record already has, from ``extra=``, are left unchanged.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        body = _current.get()
        for name, value in (_NOWHERE if body is None else _context(body)).items():
            record.__dict__.setdefault(name, value)
        return True


_NOWHERE = {"run_id": "", "step_id": "", "step_call_id": "", "attempt": 0, "tool": ""}


def add_step_context(
    logger: object, method_name: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add to a structlog event where in a run it was logged. A processor for structlog::

        structlog.configure(processors=[add_step_context, ..., structlog.dev.ConsoleRenderer()])

    The keys are those of `StepContextFilter`. Nothing is added outside steps, and ``tool`` is
    omitted outside tool calls. Keys that the event already has are left unchanged.
    """
    body = _current.get()
    if body is not None:
        for name, value in _context(body).items():
            if value != "":
                event_dict.setdefault(name, value)
    return event_dict


def _context(body: BodyInfo) -> dict[str, Any]:
    return {
        "run_id": body.run_id,
        "step_id": body.step_id,
        "step_call_id": body.step_call_id,
        "attempt": body.attempt,
        "tool": body.tool or "",
    }
