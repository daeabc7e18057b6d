"""Warnings about blocked event loops, issued such that pytest shows them with the test."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager

from trioflow.instruments import BlockWatch


class BlockedLoopWarning(UserWarning):
    """Issued for a step, or another task, that has blocked the event loop."""


@contextmanager
def warn_of_blocks(seconds: float = 0.5) -> Generator[BlockWatch, None, None]:
    """Yield a watch for blocked event loops; issue its warnings when the ``with`` block exits::

        with warn_of_blocks() as watch:
            async with open_engine(instruments=[watch]) as engine: ...

    Warnings are issued at the end because Python handles a warning in the thread that issues it,
    and the watching thread does not belong to any test.

    Args:
      seconds: How long a task may block the loop without a warning.

    Raises:
      ValueError: if *seconds* is not a finite number above 0.
      BlockedLoopWarning: if such warnings are errors, as with ``-W error``.
    """
    texts: list[str] = []
    try:
        yield BlockWatch(seconds, tell=lambda text, attributes: texts.append(text))
    finally:
        for text in texts:
            warnings.warn(text, BlockedLoopWarning, stacklevel=3)
