"""Warnings of blocked event loops in tests, where pytest shows them with the test."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager

from trioflow.instruments import BlockWatch


class BlockedLoopWarning(UserWarning):
    """Warns of a step, or another task, that has blocked the event loop."""


@contextmanager
def warn_of_blocks(seconds: float = 0.5) -> Generator[BlockWatch, None, None]:
    """Give a watch for blocks of the event loop, and warn of them when the block is left::

        with warn_of_blocks() as watch:
            async with open_engine(instruments=[watch]) as engine: ...

    Warnings are left for the end because Python's go to whoever is at work in the thread that
    warns, and the one that looks at the loop belongs to no test.

    Args:
      seconds: How long a task may block the loop.

    Raises:
      ValueError: if *seconds* is not a finite number above 0.
      BlockedLoopWarning: if such warnings are errors, as under ``-W error``.
    """
    texts: list[str] = []
    try:
        yield BlockWatch(seconds, tell=lambda text, attributes: texts.append(text))
    finally:
        for text in texts:
            warnings.warn(text, BlockedLoopWarning, stacklevel=3)
