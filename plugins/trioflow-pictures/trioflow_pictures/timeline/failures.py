"""Format exceptions of this process and recorded ones in the same way."""

from __future__ import annotations

import traceback

from trioflow.wire import RecordedError


def full_message(error: BaseException) -> str:
    """Return the class and the message of an exception."""
    if isinstance(error, RecordedError):
        return str(error)
    name = type(error).__name__
    # str() of a group also counts its members; the recorded message does not.
    message = error.message if isinstance(error, BaseExceptionGroup) else str(error)
    return f"{name}: {message}" if message else name


def traceback_text(error: BaseException) -> str:
    """Return the formatted traceback of an exception, or ``""`` if it was not raised."""
    if isinstance(error, RecordedError):
        text = error.traceback
    else:
        text = "".join(traceback.format_exception(error)) if error.__traceback__ else ""
    return text.rstrip("\n")
