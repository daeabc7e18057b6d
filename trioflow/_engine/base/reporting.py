"""Log errors safely: the report itself must not cause harm.

A handler of the program may raise, and so may an exception while it is formatted: neither must end
an engine or an unrelated run.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trioflow._engine.base.outcome import must_pass
from trioflow.errors import StoreError
from trioflow.wire._shown import class_name

logger = logging.getLogger("trioflow")


@contextmanager
def reported(message: str, *args: object) -> Iterator[None]:
    """Log errors of the block, and continue: they do not end an engine.

    Args:
      message: Passed to `logging.Logger.error` with *args*.

    Raises:
      BaseException: a cancellation, or Ctrl-C.
    """
    try:
        yield
    except StoreError as exc:  # not a defect, and its message is enough
        report(f"{message}: %s", *args, exc, level=logging.WARNING)
    except BaseException as exc:
        if must_pass(exc):
            raise
        report(message, *args, error=exc)


def report(
    message: str,
    *args: object,
    error: BaseException | None = None,
    level: int = logging.ERROR,
) -> None:
    """Log an error. Raises nothing.

    Args:
      message: Passed to `logging.Logger.error` with *args*.
      error: The exception whose traceback is logged.
    """
    # Not the exception itself, because logging evaluates its truth.
    shown: Any = None if error is None else (type(error), error, error.__traceback__)
    try:
        logger.log(level, message, *args, exc_info=shown)
    except Exception as exc:
        if sys.stderr is not None:  # as logging does if it cannot log
            about = "" if error is None else f" ({class_name(error)})"
            print(f"{message}{about}; logging it raised {class_name(exc)}", file=sys.stderr)
