"""Forward log records of a worker to the loggers of the run's process."""

from __future__ import annotations

import copy
import logging
import logging.handlers
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from trioflow.errors import StepClosedError
from trioflow_process.messages import LogRecord

PLAIN = (str, int, float, bool, type(None))


@attrs.frozen
class Levels:
    """The levels of loggers."""

    disabled: int
    by_name: Mapping[str, int]
    """The levels that were set explicitly; ``""`` is the root logger."""

    @classmethod
    def here(cls) -> Levels:
        """Return the levels of this process."""
        manager = logging.root.manager
        loggers = [item for item in manager.loggerDict.values() if isinstance(item, logging.Logger)]
        by_name = {logger.name: logger.level for logger in loggers if logger.level}
        return cls(manager.disable, {"": logging.root.level, **by_name})

    def apply(self) -> None:
        """Set the levels in this process, so that it creates no unneeded records."""
        logging.disable(self.disabled)
        for name, level in self.by_name.items():
            logger = logging.getLogger(name or None)
            if logger.level != level:
                logger.setLevel(level)


@contextmanager
def forwarded_logs(tell: Callable[[LogRecord], None]) -> Generator[None, None, None]:
    """Call *tell* with each record that reaches the root logger."""
    handler = _Forwarder(tell)
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)


class _Forwarder(logging.Handler):
    def __init__(self, tell: Callable[[LogRecord], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._tell(LogRecord(_plain_attributes(record)))
        except StepClosedError:
            pass  # logged by a thread that outlived the body; there is no run any more
        except Exception:
            self.handleError(record)


def _plain_attributes(record: logging.LogRecord) -> dict[str, Any]:
    """Return the attributes of a record; values that may not be picklable become strings."""
    record = copy.copy(record)
    record.msg, record.args = record.getMessage(), None
    if record.exc_info:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
    return {
        name: value if isinstance(value, PLAIN) else repr(value)
        for name, value in vars(record).items()
    }


def handle(message: LogRecord) -> None:
    """Pass a record of a worker to the logger of the same name in this process."""
    record = logging.makeLogRecord(dict(message.attributes))
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
