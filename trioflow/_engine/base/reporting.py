"""Logging what goes wrong, so that the report cannot do harm of its own.

A handler of the program may raise, and so may an exception that is to be shown: neither must end
an engine, or a run that has nothing to do with it.
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
    """Log what goes wrong in the block, and go on: no engine ends for it.

    Args:
      message: As `logging.Logger.error` takes it, with *args*.

    Raises:
      BaseException: a cancellation, or Ctrl-C.
    """
    try:
        yield
    except StoreError as exc:  # which is no defect, and says all there is to say
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
    """Log that something went wrong. Raises nothing.

    Args:
      message: As `logging.Logger.error` takes it, with *args*.
      error: The exception whose traceback belongs to it.
    """
    # Not the exception itself, because logging asks for its truth.
    shown: Any = None if error is None else (type(error), error, error.__traceback__)
    try:
        logger.log(level, message, *args, exc_info=shown)
    except Exception as exc:
        if sys.stderr is not None:  # as logging does if it cannot log
            about = "" if error is None else f" ({class_name(error)})"
            print(f"{message}{about}; logging it raised {class_name(exc)}", file=sys.stderr)
