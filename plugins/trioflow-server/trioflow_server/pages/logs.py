"""The log records of runs that this process drives, for the pages: the last ones of each run."""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs

from trioflow.instruments import current_step

MOST_RECORDS = 1_000
"""How many records of a run are kept; the oldest is dropped first."""
MOST_RUNS = 200
"""Of how many runs; those that have logged nothing for the longest time are dropped first."""
LONGEST = 4_000
"""Most characters of a message."""


@attrs.frozen
class LogLine:
    """One record."""

    at: float
    """Seconds since the epoch."""
    level: str
    logger: str
    step: str
    """Id of the step; empty if it is not known."""
    message: str
    error: str = ""
    """The exception of the record: its class and its message."""
    stack: str = ""
    """Its traceback."""


class RunLogs(logging.Handler):
    """Keeps the log records that steps make, by run."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: OrderedDict[str, deque[LogLine]] = OrderedDict()

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Collect records of all loggers while the block runs."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record that was made in a step."""
        body = current_step()
        run_id = getattr(record, "run_id", "") or (body.run_id if body else "")
        if not isinstance(run_id, str) or not run_id:
            return
        step = getattr(record, "step_id", "") or (body.step_id if body else "")
        try:
            line = self._line(record, str(step))
        except Exception:  # a broken argument or object; logging has its own way to say so
            self.handleError(record)
            return
        if run_id not in self._lines:
            self._lines[run_id] = deque(maxlen=MOST_RECORDS)
        self._lines.move_to_end(run_id)
        self._lines[run_id].append(line)
        while len(self._lines) > MOST_RUNS:
            self._lines.popitem(last=False)

    def _line(self, record: logging.LogRecord, step: str) -> LogLine:
        error = record.exc_info[1] if record.exc_info else None
        return LogLine(
            at=record.created,
            level=record.levelname,
            logger=record.name,
            step=step,
            message=record.getMessage()[:LONGEST],
            error="" if error is None else f"{type(error).__name__}: {error}"[:LONGEST],
            stack="" if error is None else _stack_of(record)[-LONGEST:],
        )

    def of(self, run_id: str) -> Sequence[LogLine]:
        """Return the records of a run, oldest first."""
        self.acquire()
        try:
            return tuple(self._lines.get(run_id, ()))
        finally:
            self.release()


_FORMATTER = logging.Formatter()


def _stack_of(record: logging.LogRecord) -> str:
    return _FORMATTER.formatException(record.exc_info) if record.exc_info else ""
