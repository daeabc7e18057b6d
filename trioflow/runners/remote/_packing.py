"""Send an exception to another process; as much of it as can be pickled."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import attrs

from trioflow.runners.remote._exceptions import message_of
from trioflow.runners.remote._pickling import dumps
from trioflow.wire import RecordedError


@attrs.frozen
class PackedError:
    """An exception to send to another process."""

    content: bytes
    """The pickled exception; empty if it cannot be pickled."""
    remains: bytes
    """Its class, and what can be pickled of its arguments and attributes; empty if it has none."""
    name: str
    message: str
    traceback: str

    def unpack(self) -> BaseException:
        """Return the exception, as far as this process can unpickle it.

        Without its class, return a `RecordedError`.
        """
        reason = "it cannot be pickled"
        if self.content:
            try:
                exc: BaseException = pickle.loads(self.content)
            except KeyboardInterrupt:
                raise
            except BaseException as reading:
                reason = f"reading it fails with {type(reading).__name__}: {message_of(reading)}"
            else:
                return exc
        error = self._remade() or RecordedError(self.name, self.message, self.traceback)
        error.add_note(f"The original exception is not available here, because {reason}.")
        return error

    def _remade(self) -> BaseException | None:
        """Return an exception of the same class, made without calling its ``__init__``."""
        try:
            cls, args, attributes = pickle.loads(self.remains)
            error: BaseException = cls.__new__(cls, *map(_read, args))
            error.args = tuple(map(_read, args))
            for name, value in attributes.items():
                object.__setattr__(error, name, _read(value))
        except KeyboardInterrupt:
            raise
        except BaseException:
            return None
        error.add_note(f"In the other process:\n{self.traceback}")
        return error


def pack_error(exc: BaseException) -> PackedError:
    """Pack an exception, whatever its methods do."""
    text = "".join(_formatted(exc))
    remains = _remains(exc)  # before a note is added
    return PackedError(_content(exc, text), remains, type(exc).__name__, message_of(exc), text)


def _formatted(exc: BaseException) -> Iterator[str]:
    try:
        yield from traceback.format_exception(exc)
    except BaseException:  # its notes, for example, may be anything
        yield from traceback.format_tb(exc.__traceback__)
        yield f"{type(exc).__name__}: {message_of(exc)}\n"


def _content(exc: BaseException, text: str) -> bytes:
    try:
        return dumps(exc)
    except BaseException:
        pass  # its cause or context cannot be pickled, or its traceback is nested too deeply
    try:
        exc.add_note(f"In the other process:\n{text}")
        return dumps(exc, bare=True)
    except BaseException:
        return b""


@attrs.frozen
class _Shown:
    """Stands for a value that cannot be pickled."""

    text: str


def _remains(exc: BaseException) -> bytes:
    cls = type(exc)
    slots = [name for base in cls.__mro__ for name in vars(base).get("__slots__", ())]
    names = [*(name for name in slots if hasattr(exc, name)), *getattr(exc, "__dict__", ())]
    try:
        attributes = {name: _written(getattr(exc, name)) for name in names}
        return dumps((cls, [*map(_written, exc.args)], attributes))
    except BaseException:
        return b""


def _written(value: Any) -> bytes | _Shown:
    try:
        return dumps(value)
    except BaseException:
        return _Shown(_repr(value))


def _read(value: bytes | _Shown) -> Any:
    if isinstance(value, _Shown):
        return value.text
    try:
        return pickle.loads(value)
    except Exception as exc:
        return f"<unreadable: {type(exc).__name__}>"


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except BaseException:
        return f"<{type(value).__name__}>"


# ---------------------------------------------------------------- Ctrl-C
def without_interrupts(exc: BaseException) -> BaseException:
    """Return an exception that does not interrupt the program that it is raised in.

    A `KeyboardInterrupt` of a body is an error of its step, but that of the program ends all runs.
    """
    if isinstance(exc, KeyboardInterrupt):
        text = "".join(_formatted(exc))
        return RecordedError(type(exc).__name__, message_of(exc), text)
    if isinstance(exc, BaseExceptionGroup) and exc.subgroup(KeyboardInterrupt) is not None:
        members = [without_interrupts(member) for member in exc.exceptions]
        group = BaseExceptionGroup(exc.message, members)
        return group.with_traceback(exc.__traceback__)
    return exc
