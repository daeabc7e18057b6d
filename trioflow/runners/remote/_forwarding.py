"""Forward log records of a worker to the loggers of the run's process.

Filters and handlers are the run's business: modules set up the same ones in both processes, and a
record must not be written twice. Only handlers that a body adds itself are used in the worker.
"""

from __future__ import annotations

import importlib
import logging
import pickle
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

from trioflow.errors import StepClosedError
from trioflow.runners.remote._link import Link
from trioflow.runners.remote._messages import LogRecord
from trioflow.runners.remote._packing import PackedError, pack_error
from trioflow.runners.remote._pickling import dumps

PLAIN = (str, int, float, bool, type(None))
IMPORTING = importlib._bootstrap.__name__


class Forwarding:
    """Sends the records of all loggers to the run of the current body."""

    def __init__(self) -> None:
        self.link: Link | None = None
        """The link of the current body."""
        self._own: list[tuple[logging.Logger, logging.Handler]] = []
        """The handlers that the current body has added, and where."""

    def install(self) -> None:
        """Replace what loggers of this process do with records."""
        add_handler = logging.Logger.addHandler

        def add(logger: logging.Logger, hdlr: logging.Handler) -> None:
            add_handler(logger, hdlr)
            if self.link is not None and not _is_importing(sys._getframe()):
                self._own.append((logger, hdlr))

        def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
            self._handle(logger, record)

        logging.Logger.addHandler = add  # type: ignore[method-assign, assignment]
        logging.Logger.handle = handle  # type: ignore[method-assign, assignment]

    def end(self) -> None:
        """Remove the handlers that the current body has added. It has ended."""
        self.link = None
        for logger, handler in self._own:
            logger.removeHandler(handler)
        self._own.clear()

    def _handle(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        link = self.link
        if link is not None:
            with suppress(StepClosedError):  # a thread that outlived the body has no run any more
                link.tell(LogRecord(), to_bytes(record))
        if self._own:
            self._handle_here(logger, record)

    def _handle_here(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        passed: Any = not logger.disabled and logger.filter(record)
        if not passed:
            return
        own = {id(handler) for _, handler in self._own}
        at: logging.Logger | None = logger
        while at is not None:
            for handler in at.handlers:
                if id(handler) in own and record.levelno >= handler.level:
                    handler.handle(record)
            at = at.parent if at.propagate else None


def _is_importing(frame: FrameType | None) -> bool:
    """Return whether a module is being imported."""
    while frame is not None:
        if frame.f_globals.get("__name__") == IMPORTING:
            return True
        frame = frame.f_back
    return False


# ---------------------------------------------------------------- records as bytes
def to_bytes(record: logging.LogRecord) -> bytes:
    """Return the attributes of a record. Each of them can be read alone."""
    attributes = vars(record)
    plain = {name: value for name, value in attributes.items() if isinstance(value, PLAIN)}
    others: dict[str, Any] = {}
    if not isinstance(record.msg, str) or not _is_plain(record.args):
        plain["message"] = _message(record)
    for name, value in attributes.items():
        if name not in plain:
            others[name] = _packed(name, value)
    return pickle.dumps((plain, others), pickle.HIGHEST_PROTOCOL)


def _is_plain(args: Any) -> bool:
    return not args or (isinstance(args, tuple) and all(isinstance(arg, PLAIN) for arg in args))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # the arguments do not fit
        return record.msg if isinstance(record.msg, str) else repr_of(record.msg)


def _packed(name: str, value: Any) -> bytes | PackedError | str:
    if name == "exc_info" and isinstance(value, tuple) and isinstance(value[1], BaseException):
        return pack_error(value[1].with_traceback(value[2]))
    try:
        return dumps(value)
    except Exception:
        return repr_of(value)


def repr_of(value: Any) -> str:
    """Return ``repr(value)``, or the name of its class if it has none."""
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def from_bytes(content: bytes | bytearray) -> logging.LogRecord:
    """Return the record with these attributes; those that cannot be read become strings."""
    attributes, others = pickle.loads(content)
    message = attributes.pop("message", None)
    unread: Mapping[str, Any] = {name: _unpacked(value) for name, value in others.items()}
    attributes.update(unread)
    if message is not None and _is_lost(others, unread):
        attributes["msg"], attributes["args"] = message, None
    return logging.makeLogRecord(attributes)


def _is_lost(packed: Mapping[str, Any], read: Mapping[str, Any]) -> bool:
    """Return whether the message or its arguments could not be sent."""
    return any(
        isinstance(packed.get(name), str) or isinstance(read.get(name), _Unreadable)
        for name in ("msg", "args")
    )


class _Unreadable(str):
    """Stands for a value that this process cannot read."""

    __slots__ = ()


def _unpacked(value: bytes | PackedError | str) -> Any:
    if isinstance(value, PackedError):
        error = value.unpack()
        return type(error), error, error.__traceback__
    if isinstance(value, str):
        return value
    try:
        return pickle.loads(value)
    except Exception as exc:
        return _Unreadable("".join(traceback.format_exception_only(exc)).strip())
