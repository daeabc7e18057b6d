"""The instruments of the command line: warn of a blocked event loop, and name steps in logs."""

from __future__ import annotations

import logging
import math
import os
import sys
from typing import Self

from trioflow._cli.errors import UsageError
from trioflow._cli.places import place_of
from trioflow.abc import Instrument
from trioflow.instruments import BlockWatch, StepContextFilter, StepTracker

VARIABLE = "TRIOFLOW_BLOCK_SECONDS"
"""Environment variable: seconds that a step may block the event loop without a warning."""
SECONDS = 0.5


def own_instruments() -> list[Instrument]:
    """Return the instruments for an engine of the command line.

    Raises:
      UsageError: if `VARIABLE` is not a number.
    """
    seconds = _seconds(os.environ.get(VARIABLE, ""))
    return [StepLogs(), BlockWatch(seconds)] if seconds else [StepLogs()]


def _seconds(text: str) -> float:
    try:
        seconds = float(text or SECONDS)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UsageError(
            f"{VARIABLE} must be a number of seconds, or 0 for no warnings, not {text!r}"
        )
    return seconds


class StepLogs(StepTracker):
    """Writes log records with their steps, if logging is not configured.

    Only warnings and more severe records are written, as by Python's default.
    """

    async def __aenter__(self) -> Self:
        self._before, logging.lastResort = logging.lastResort, _StderrHandler()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        logging.lastResort = self._before


class _StderrHandler(logging.Handler):
    """Writes to the current standard error, which the live display replaces."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.addFilter(StepContextFilter())
        self.setFormatter(_Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


class _Formatter(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        if record.name == "trioflow":
            return f"trioflow: {record.message}"
        step, run = record.__dict__["step_id"], record.__dict__["run_id"]
        address = record.__dict__["step_call_id"].removeprefix(f"{run}:")
        place = f" (step {place_of(step, address)}, run {run})" if step else ""
        return f"{record.levelname} {record.name}: {record.message}{place}"
