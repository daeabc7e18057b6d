"""Exceptions on the wire, and what they come back as."""

from __future__ import annotations

import traceback as tracebacks
from collections.abc import Mapping
from typing import Any

import attrs

from trioflow.errors import TrioflowError, WireFormatError


@attrs.frozen(eq=False)  # attrs never compares exceptions by value, so it is done below
class RecordedError(TrioflowError):
    """Stands for an exception that was raised elsewhere and read from the wire.

    Equal by value, so that events that were read can be compared.
    """

    name: str
    """Name of the exception's class."""
    message: str
    traceback: str = attrs.field(default="", repr=False)
    """The formatted traceback, or ``""`` if there was none."""
    errors: tuple[RecordedError, ...] = ()
    """The members, if the exception was a group."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedError) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[Any, ...]:
        return self.name, self.message, self.traceback, self.errors

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


def error_to_wire(error: BaseException) -> dict[str, Any]:
    """Return ``{"name", "message", "stack"?, "errors"?}`` for an exception.

    The stack is there if the exception was raised, and the errors if it is a group.
    """
    recorded = record(error)
    wire: dict[str, Any] = {"name": recorded.name, "message": recorded.message}
    if recorded.traceback:
        wire["stack"] = recorded.traceback
    if recorded.errors:
        wire["errors"] = [error_to_wire(member) for member in recorded.errors]
    return wire


def record(error: BaseException) -> RecordedError:
    """Return what the wire keeps of an exception."""
    if isinstance(error, RecordedError):
        return error
    stack = "".join(tracebacks.format_exception(error)) if error.__traceback__ else ""
    if isinstance(error, BaseExceptionGroup):
        members = tuple(map(record, error.exceptions))
        return RecordedError(type(error).__name__, error.message, stack, members)
    return RecordedError(type(error).__name__, str(error), stack)


def error_from_wire(wire: object, where: str) -> RecordedError:
    """Return the exception that was written as *wire*.

    Raises:
      WireFormatError: if no exception is written like that; *where* says what was read.
    """
    if not isinstance(wire, Mapping):
        raise WireFormatError(f"{where} is not an object")
    name, message, stack = wire.get("name"), wire.get("message"), wire.get("stack", "")
    errors = wire.get("errors", [])
    if not (isinstance(name, str) and isinstance(message, str) and isinstance(stack, str)):
        raise WireFormatError(f"{where} needs texts under 'name', 'message' and 'stack'")
    if not isinstance(errors, list):
        raise WireFormatError(f"{where} needs a list under 'errors'")
    members = tuple(error_from_wire(member, where) for member in errors)
    return RecordedError(name, message, stack, members)
