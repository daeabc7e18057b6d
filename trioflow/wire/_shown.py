"""Strings for objects whose own methods may raise or return anything."""

from __future__ import annotations

from typing import Any

SHOWN = 80
"""Maximum number of characters of a value that an error message quotes."""

_NAME: Any = type.__dict__["__name__"]
"""Python's own descriptor of a class name; a metaclass may define another ``__name__``."""


def class_name(value: object) -> str:
    """Return the name of the class of *value*."""
    name: str = _NAME.__get__(type(value))
    return name


def shown(value: object) -> str:
    """Return the start of ``repr(value)``, or the name of the class if ``repr`` raises."""
    try:
        text = str.__str__(repr(value))
    except Exception:  # user code, and Python's own limits: long integers, deep lists
        return f"<{class_name(value)}>"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def message_of(error: BaseException) -> str:
    """Return the message of an exception, or a note if it cannot be read."""
    try:
        return str.__str__(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # an exception is recorded whatever its methods do
        return f"<no message: its __str__ raised {class_name(exc)}>"
