"""Bodies that write chunks and log records."""

from __future__ import annotations

import logging
import threading
from typing import Any

import trio

from process_steps.values import refuse
from trioflow import StepContext, step

log = logging.getLogger("trioflow_process_tests")


@step(runner="process")
def write_many(count: int, ctx: StepContext[Any]) -> int:
    """Write chunks and log about it."""
    for number in range(count):
        trio.from_thread.run(ctx.write, {"number": number})
        log.info("wrote %d", number)
    return count


@step(runner="process")
def log_things(_: Any, ctx: StepContext[Any]) -> None:
    """Make log records."""
    log.info("one %s", "two", extra={"tag": "t", "thing": threading.Lock()})
    log.debug("nobody wants to know")
    try:
        refuse()
    except ValueError:
        log.exception("failed")
    thread = threading.Thread(target=logging.getLogger("elsewhere").warning, args=["threaded"])
    thread.start()
    thread.join()
