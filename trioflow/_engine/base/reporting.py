"""Logging what goes wrong, so that the report cannot do harm of its own.

A handler of the program may raise, and so may an exception that is to be shown: neither must end
an engine, or a run that has nothing to do with it.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from trioflow.wire._shown import class_name

logger = logging.getLogger("trioflow")


def report(message: str, *args: object, error: BaseException | None = None) -> None:
    """Log that something went wrong. Raises nothing.

    Args:
      message: As `logging.Logger.error` takes it, with *args*.
      error: The exception whose traceback belongs to it.
    """
    # Not the exception itself, because logging asks for its truth.
    shown: Any = None if error is None else (type(error), error, error.__traceback__)
    try:
        logger.error(message, *args, exc_info=shown)
    except Exception as exc:
        if sys.stderr is not None:  # as logging does if it cannot log
            about = "" if error is None else f" ({class_name(error)})"
            print(f"{message}{about}; logging it raised {class_name(exc)}", file=sys.stderr)
