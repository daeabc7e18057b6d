"""Exceptions on the wire, and the class that they are read as."""

from __future__ import annotations

import traceback as tracebacks
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from trioflow.errors import TrioflowError, Tripwire, WireFormatError
from trioflow.wire._shown import class_name, message_of

TITLE = "Traceback (most recent call last):\n"
MAX_NESTING = 32
"""Maximum number of levels in a recorded group. Each takes two levels of JSON."""
MAX_TEXT = 100_000
"""Maximum number of characters of a recorded message or traceback, so that long ones do not fill
journals."""


STACK = "__trioflow_stack__"
"""The attribute of a rebuilt exception that holds the traceback of the original."""
_TRACEBACK: Any = BaseException.__dict__["__traceback__"]
"""Python's own descriptor of the traceback, which a subclass cannot redefine."""


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
    recipe: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """How to rebuild the exception, as a journal records it: class, arguments, attributes."""

    @property
    def __trioflow_stands_for__(self) -> tuple[str, str]:
        return self.name, self.message

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedError) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[Any, ...]:
        cause = self.__cause__ if isinstance(self.__cause__, RecordedError) else None
        return self.name, self.message, self.traceback, self.errors, notes_of(self), cause

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


def error_to_wire(error: BaseException) -> dict[str, Any]:
    """Return ``{"name", "message", "stack"?, "errors"?}`` for an exception.

    The stack is present if the exception was raised, and the errors if it is a group.
    """
    return _written(record(error))


def without_stacks(plain: Any) -> Any:
    """Return plain JSON data without the stacks of the exceptions in it, at any depth."""
    if isinstance(plain, list):
        return [without_stacks(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    is_error = all(isinstance(plain.get(key), str) for key in ("name", "message", "stack"))
    return {
        key: without_stacks(item)
        for key, item in plain.items()
        if not (is_error and key == "stack")
    }


def record(error: BaseException) -> RecordedError:
    """Return what the wire keeps of an exception; this works for every exception.

    A note replaces what cannot be recorded: its message if ``__str__`` raises, the end of a
    long message, the beginning of a long traceback, members in groups nested too deeply.
    """
    return _record(error, MAX_NESTING)


def error_from_wire(wire: object, where: str, nesting: int = MAX_NESTING) -> RecordedError:
    """Return the exception that was written as *wire*.

    Args:
      where: Name of what is read, for the error message.
      nesting: Maximum number of levels of members.

    Raises:
      WireFormatError: if *wire* is not an exception.
    """
    if not isinstance(wire, Mapping):
        raise WireFormatError(f"{where} is not an object")
    name, message, stack = wire.get("name"), wire.get("message"), wire.get("stack", "")
    errors = wire.get("errors", [])
    if not (isinstance(name, str) and isinstance(message, str) and isinstance(stack, str)):
        raise WireFormatError(f"{where} needs strings under 'name', 'message' and 'stack'")
    if not isinstance(errors, list):
        raise WireFormatError(f"{where} needs a list under 'errors'")
    if errors and not nesting:
        raise WireFormatError(f"{where} has errors nested more than {MAX_NESTING} levels deep")
    members = tuple(error_from_wire(member, where, nesting - 1) for member in errors)
    recipe = {key: wire[key] for key in RECIPE if key in wire}
    recorded = RecordedError(name, message, stack, members, recipe)
    notes, cause = wire.get("notes", []), wire.get("cause")
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise WireFormatError(f"{where} needs a list of strings under 'notes'")
    for note in notes:
        recorded.add_note(note)
    if cause is not None and nesting:
        recorded.__cause__ = error_from_wire(cause, where, nesting - 1)
    return recorded


def tripwire_of(error: object) -> Tripwire | None:
    """Return the tripwire that an exception is, or the first member of a group is."""
    while isinstance(error, BaseExceptionGroup):
        error = BaseExceptionGroup.exceptions.__get__(error)[0]
    while isinstance(error, RecordedError) and error.errors:
        error = error.errors[0]
    if isinstance(error, RecordedError) and error.name == Tripwire.__name__:
        return Tripwire(error.message)  # its other fields were not read
    return error if isinstance(error, Tripwire) else None


def tripwire_to_wire(tripwire: Tripwire, value: Callable[[Any, str], Any]) -> dict[str, Any]:
    """Return a tripwire as the object that the dialect ``mastra-1`` has beside the error.

    Args:
      value: Writes a user value; takes the value and its path.
    """
    wire: dict[str, Any] = {"reason": tripwire.reason}
    if tripwire.retry:
        wire["retry"] = True
    if tripwire.metadata is not None:
        wire["metadata"] = value(tripwire.metadata, "tripwire.metadata")
    if tripwire.processor_id is not None:
        wire["processorId"] = tripwire.processor_id
    return wire


RECIPE = ("class", "args", "state")
"""Keys that only journals have, and that say how to rebuild an exception."""


def notes_of(error: BaseException) -> tuple[str, ...]:
    """Return the notes that were added to an exception."""
    try:
        notes = error.__notes__
        return tuple(str.__str__(note) for note in notes if isinstance(note, str))
    except Exception:  # it has none, or user code has redefined them
        return ()


# ---------------------------------------------------------------- writing
def written_alone(recorded: RecordedError) -> dict[str, Any]:
    """Return an exception as it is written on the wire, without its members."""
    wire: dict[str, Any] = {"name": recorded.name, "message": recorded.message}
    if recorded.traceback:
        wire["stack"] = recorded.traceback
    return wire


def _written(recorded: RecordedError) -> dict[str, Any]:
    wire = written_alone(recorded)
    if recorded.errors:
        wire["errors"] = [_written(member) for member in recorded.errors]
    return wire


def _record(error: BaseException, nesting: int) -> RecordedError:
    recorded, found = record_alone(error)
    if not nesting:
        if not found:
            return recorded
        message = f"{recorded.message} (its members are nested too deeply to be recorded)"
        return attrs.evolve(recorded, message=message, errors=())
    members = tuple(_record(member, nesting - 1) for member in found)
    return recorded if members == recorded.errors else attrs.evolve(recorded, errors=members)


def record_alone(error: BaseException) -> tuple[RecordedError, Sequence[BaseException]]:
    """Return an exception without its members, and the members."""
    if type(error) is RecordedError:
        return error, error.errors
    members: Sequence[BaseException] = ()
    if issubclass(type(error), BaseExceptionGroup):
        # Read through Python's own class: a subclass may redefine both names.
        message = BaseExceptionGroup.message.__get__(error)
        members = BaseExceptionGroup.exceptions.__get__(error)
    else:
        message = message_of(error)
    if len(message) > MAX_TEXT:
        message = f"{message[:MAX_TEXT]}… ({len(message) - MAX_TEXT:,} more characters)"
    return RecordedError(class_name(error), message, _stack_of(error)), members


def _stack_of(error: BaseException) -> str:
    """Return the formatted traceback of an exception and its causes."""
    trace = _TRACEBACK.__get__(error)
    if trace is None:
        kept = getattr(error, "__dict__", {}).get(STACK)
        return kept if isinstance(kept, str) else ""
    stack = _formatted(lambda: tracebacks.format_exception(error))
    if stack is None:  # such as when its causes or notes are properties that raise
        last = f"{class_name(error)}: {message_of(error)}\n"
        stack = _formatted(lambda: [TITLE, *tracebacks.format_tb(trace), last]) or last
    if len(stack) > MAX_TEXT:
        stack = f"({len(stack) - MAX_TEXT:,} characters before) …{stack[-MAX_TEXT:]}"
    return stack


def _formatted(lines: Callable[[], list[str]]) -> str | None:
    """Return the joined lines, or None if making them raises."""
    try:
        return "".join(lines())
    except KeyboardInterrupt:
        raise
    except BaseException:  # an exception is recorded whatever its attributes do
        return None
