"""The attributes of errors."""

from __future__ import annotations

import traceback

from trioflow.wire import RecordedError, error_to_wire
from trioflow_otel import attributes as a
from trioflow_otel.texts import NAMES, Attributes, Texts


def error_type(error: BaseException | None) -> str:
    """Return the class name of an error in the form of the semantic conventions."""
    if error is None:
        return "_OTHER"
    if isinstance(error, RecordedError):  # from a journal, in place of the original
        return NAMES.text(error.name)
    return NAMES.safely(lambda: NAMES.text(_full_name(type(error))), error)


def _full_name(cls: type[BaseException]) -> str:
    module = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    return module + cls.__qualname__


def error_message(error: BaseException | None, texts: Texts) -> str:
    """Return the message of an error, also if its ``str()`` fails."""
    return texts.text(error.message if isinstance(error, RecordedError) else error)


def exception_attributes(error: BaseException, texts: Texts) -> Attributes:
    """Return the attributes of the ``exception`` event of a span."""
    return {
        a.EXCEPTION_TYPE: error_type(error),
        a.EXCEPTION_MESSAGE: error_message(error, texts),
        a.EXCEPTION_STACKTRACE: texts.safely(lambda: texts.text(_stack_of(error)), error),
    }


def _stack_of(error: BaseException) -> str:
    recorded = error_to_wire(error).get("stack")  # if it was raised in another process
    return str(recorded or "".join(traceback.format_exception(error)))
