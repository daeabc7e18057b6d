"""A module that sets up logging while it is imported, as many do, and bodies that log."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import attrs
import structlog

from trioflow import StepContext, step
from trioflow.instruments import current_step

FILE = "PROCESS_STEPS_LOG"
"""Names the environment variable with the file that everything is written to."""


@attrs.frozen
class Cart:
    """A value that somebody passes as ``extra``."""

    items: tuple[str, ...]


class Unpicklable:
    """Has a string, but cannot be sent."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __str__(self) -> str:
        return "unpicklable"


class Unreadable:
    """Can be sent, but not be read."""

    def __reduce__(self) -> Any:
        return int, ("x",)

    def __str__(self) -> str:
        return "unreadable"


class Numbering(logging.Filter):
    """Adds to messages how often they have passed."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = f"{record.msg} (passed)"
        return True


shop = logging.getLogger("shop")
own_file = logging.getLogger("own_file")
if FILE in os.environ:
    handler = logging.FileHandler(os.environ[FILE])
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    logging.root.addHandler(handler)
    own_file.addHandler(handler)
    own_file.propagate = False
    shop.addFilter(Numbering())
    shop.setLevel(logging.INFO)


@step(runner="process")
def log_once(_: Any) -> None:
    """Log to loggers with handlers of their own and to others."""
    shop.info("sold")
    own_file.warning("kept")


@step(runner="process")
def log_to_file(file: str) -> None:
    """Log to a file that the run does not know of."""
    ours = logging.FileHandler(file)
    logging.getLogger("by hand").addHandler(ours)
    ours.addFilter(lambda record: record.getMessage() != "secret")
    logging.getLogger("by hand").warning("noted")
    logging.getLogger("by hand.below").warning("noted below")
    logging.getLogger("by hand").warning("secret")
    logging.getLogger("by hand").disabled = True
    logging.getLogger("by hand").warning("nothing")
    logging.getLogger("by hand").disabled = False


@step(runner="process")
def log_values(_: Any) -> None:
    """Log values of all kinds."""
    log = logging.getLogger("values")
    log.warning("%s and %d", "one", 2, extra={"cart": Cart(("a",)), "lock": threading.Lock()})
    log.warning("%(a)s", {"a": 5})
    log.warning("%s", Cart(("b",)))
    log.warning("%s", Unpicklable())
    log.warning("%s", Unreadable())
    log.warning(Cart(("c",)))
    log.warning("%d", Unpicklable())
    try:
        raise KeyError("lost")
    except KeyError:
        log.warning("raised", exc_info=True, stack_info=True)


@step(runner="process")
def log_much(count: int) -> int:
    """Log many records."""
    for number in range(count):
        logging.getLogger("much").warning("%d", number)
    return count


@step(runner="process")
def fail_after_logging(_: Any) -> None:
    """Log, and fail."""
    logging.getLogger("much").warning("about to fail")
    raise ValueError("its own error")


@step(runner="process")
def tell_step(_: Any, ctx: StepContext[Any]) -> list[Any]:
    """Return what the worker knows of the current step, and log with structlog."""
    body = current_step()
    structlog.get_logger("events").info("charged", card=7, cart=Cart(("d",)))
    if body is None:
        return []
    return [body.run_id == ctx.run_id, body.step_id, body.attempt, Path(__file__).stem]
