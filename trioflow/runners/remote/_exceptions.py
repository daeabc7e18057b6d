"""Pickle exceptions with their traceback, cause and context."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tblib import Traceback  # type: ignore[import-untyped]


def message_of(exc: BaseException) -> str:
    """Return the message of an exception, or a note if it cannot be read."""
    try:
        return str.__str__(str(exc))
    except BaseException as failure:
        return f"<no message: its __str__ raised {type(failure).__name__}>"


def reduce_exception(exc: BaseException, *, bare: bool) -> Any:
    """Return the pickle reduction of an exception.

    Args:
      bare: Whether to omit traceback, cause and context.
    """
    reduced = exc.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    if isinstance(reduced, str):  # the name of a global that has this value
        return NotImplemented
    make, args, state = (*reduced, None)[:3]
    around: tuple[Any, ...] = ()
    if not bare:
        links = exc.__cause__, exc.__context__, exc.__suppress_context__
        around = exc.__traceback__, *links
    # All of it is in the state, because cause and context may refer back to the exception.
    return _make, (make, args), (state, around), None, None, _restore


def reduce_traceback(traceback: TracebackType) -> Any:
    """Return the pickle reduction of a traceback: files, lines and names, without values."""
    return _restore_traceback, (Traceback(traceback).to_dict(),)


def _make(make: Callable[..., BaseException], args: tuple[Any, ...]) -> BaseException:
    try:
        return make(*args)
    except TypeError:
        if not isinstance(make, type):
            raise
        # The parameters of its __init__ differ from its args.
        made: BaseException = make.__new__(make, *args)
        return made


def _restore(exc: BaseException, saved: tuple[Any, tuple[Any, ...]]) -> None:
    state, around = saved
    if type(exc).__reduce__ in (BaseException.__reduce__, OSError.__reduce__):
        # The state is the __dict__; a class with slots has a state of another form.
        BaseException.__setstate__(exc, state)
    elif state is not None:
        exc.__setstate__(state)
    if around:
        exc.__traceback__, exc.__cause__, exc.__context__, exc.__suppress_context__ = around


def _restore_traceback(frames: dict[str, Any]) -> TracebackType:
    traceback: TracebackType = Traceback.from_dict(frames).as_traceback()
    return traceback
