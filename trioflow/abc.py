"""What authors of plugins subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from trioflow.events import Event


class Runner(ABC):
    """Runs the bodies of steps and tools somewhere.

    A runner is named in ``@step(runner="name")`` and comes from ``trioflow_runner(name)``.
    """

    @abstractmethod
    async def run(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call *fn* with these arguments and return what it returns, or raise what it raises.

        Called once per attempt. If *fn* is an ``async def``, its coroutine must be awaited.

        **Cancellation**: must reach the body, or be held back until the body has ended; a
        body must never go on after this method has returned or raised.
        """


class Instrument:
    """Watches runs: for traces, metrics and logs. Override what you need."""

    def on_event(self, event: Event) -> None:
        """Called for each event of each run, right after it was folded into the state.

        Synchronous and on the hot path, so be quick and do not block. An instrument that
        raises is logged and left out for the rest of the run.
        """
