"""Serialize values for another process.

This is pickle with extensions: functions of steps and tools are pickled by name although the
name refers to the `Step` or `Tool`, exceptions keep their traceback and cause, and a context
becomes the context of the reading process.
"""

from __future__ import annotations

import io
import pickle
import sys
from types import FunctionType, TracebackType
from typing import Any

from trioflow.context import StepContext
from trioflow.runners.remote._culprit import find_culprit
from trioflow.runners.remote._errors import NotPicklableError
from trioflow.runners.remote._exceptions import message_of, reduce_exception, reduce_traceback
from trioflow.steps import Step
from trioflow.tools import Tool


def dumps(value: Any, context: StepContext[Any] | None = None, *, bare: bool = False) -> bytes:
    """Return *value* as bytes.

    Args:
      context: A context that may occur in the value.
      bare: Whether to omit traceback, cause and context of exceptions.

    Raises:
      Exception: of any class, if the value cannot be pickled.
    """
    file = io.BytesIO()
    _Pickler(file, context, bare=bare).dump(value)
    return file.getvalue()


def dumps_or_blame(value: Any, what: str, step: str) -> bytes:
    """Return *value* as bytes; *what* is its name in the error.

    Raises:
      NotPicklableError: if the value cannot be pickled.
    """
    try:
        return dumps(value)
    except Exception as exc:
        raise blame(value, what, step, exc) from exc


def blame(value: Any, what: str, step: str, exc: Exception) -> NotPicklableError:
    """Return an error that names the part of a value that cannot be pickled."""
    path, part = find_culprit(value, dumps)
    reason = " ".join(message_of(exc).split()) or type(exc).__name__
    return NotPicklableError(what, step, path, type(part).__qualname__, reason)


def loads_or_blame(content: bytes | bytearray, what: str, step: str) -> Any:
    """Return the value that was serialized to *content*.

    Raises:
      NotPicklableError: if this process cannot read it, for example for lack of a module.
    """
    try:
        return pickle.loads(content)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # the value's own code may even call sys.exit()
        reason = f"reading it fails with {type(exc).__name__}: {message_of(exc)}"
        raise NotPicklableError(what, step, "", "a class of its own", reason) from exc


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, context: StepContext[Any] | None, *, bare: bool) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._context = context
        self._bare = bare

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, FunctionType | type):
            return _reduce_function(obj)
        if isinstance(obj, Step | Tool):
            return _reduce_definition(obj)
        if isinstance(obj, BaseException):
            return reduce_exception(obj, bare=self._bare)
        if isinstance(obj, TracebackType):
            return reduce_traceback(obj)
        if isinstance(obj, StepContext) and obj is self._context:
            return current_context, ()
        return NotImplemented


# ---------------------------------------------------------------- functions and definitions
def look_up(module: str, name: str) -> Any:
    """Return the object with a qualified name in a module, which is imported if necessary.

    Raises:
      ImportError, AttributeError: if it does not exist.
    """
    __import__(module)
    found: Any = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _function_of(module: str, name: str) -> Any:
    return look_up(module, name).fn


def _reduce_function(fn: Any) -> Any:
    """Reduce a function to its definition if a decorator replaced it with a `Step` or `Tool`."""
    found = _found_at(fn)
    if isinstance(found, Step | Tool) and found.fn is fn:
        return _function_of, (fn.__module__, fn.__qualname__)
    return NotImplemented


def _reduce_definition(definition: Step[Any, Any] | Tool[..., Any]) -> Any:
    if _found_at(definition.fn) is definition:
        return look_up, (definition.fn.__module__, definition.fn.__qualname__)
    return NotImplemented


def _found_at(fn: Any) -> Any:
    try:
        return look_up(fn.__module__, fn.__qualname__)
    except (ImportError, AttributeError, KeyError, TypeError, ValueError):
        return None  # also if its __module__ is not the name of a module


# ---------------------------------------------------------------- contexts
_contexts: list[StepContext[Any]] = []


def enter_context(context: StepContext[Any]) -> None:
    """Set the context that unpickled contexts become."""
    _contexts.append(context)


def leave_context() -> None:
    """Undo the last `enter_context`."""
    _contexts.pop()


def current_context() -> StepContext[Any]:
    """Return the context that replaces the pickled one."""
    return _contexts[-1]
