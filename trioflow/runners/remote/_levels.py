"""The levels of loggers, which apply in workers as in the process of the run."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import attrs


@attrs.frozen
class Levels:
    """The levels of all loggers."""

    disabled: int
    by_name: Mapping[str, int]
    """The levels that were set explicitly; ``""`` is the root logger."""

    @classmethod
    def here(cls) -> Levels:
        """Return the levels of this process."""
        by_name = {logger.name: logger.level for logger in _loggers() if logger.level}
        return cls(logging.root.manager.disable, {"": logging.root.level, **by_name})

    def apply(self) -> None:
        """Set the levels in this process, so that it creates no unneeded records."""
        logging.disable(self.disabled)
        for name in self.by_name:
            logging.getLogger(name or None)
        for logger in [logging.root, *_loggers()]:
            name = "" if logger is logging.root else logger.name
            level = self.by_name.get(name, logging.NOTSET)
            if logger.level != level:
                logger.setLevel(level)


def _loggers() -> list[logging.Logger]:
    # Another thread may create loggers meanwhile.
    known = list(logging.root.manager.loggerDict.values())
    return [item for item in known if isinstance(item, logging.Logger)]
