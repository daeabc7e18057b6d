"""Where the bodies of steps and tools run: the contract of runners."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

from trioflow.context import StepContext


class Runner(ABC):
    """Runs the bodies of steps and tools somewhere.

    A runner is named in ``@step(runner="name")`` or ``@tool(runner="name")``, and comes from
    ``open_engine(runners={"name": ...})`` or from a plugin's ``trioflow_runner("name")``. An
    engine uses it as ``async with runner``: opened once, before the first body, and closed when
    the last run has ended. `trioflow.testing.check_runner` tries all that is promised here.
    """

    async def __aenter__(self) -> Self:
        """Open what the bodies share, such as a pool of workers."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:  # noqa: B027 - not all need it
        """Close it, and wait until nothing of it is left. No body runs any more."""

    def check(self, fn: Callable[..., Any], where: str) -> None:  # noqa: B027 - not all need it
        """Look at a function that this runner is to run. Called while a workflow is planned.

        Args:
          fn: The function as its author wrote it.
          where: What it belongs to, for the error: ``"step 'resize'"``.

        Raises:
          DefinitionError: if the runner could never run it.
        """

    @abstractmethod
    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        """Call *fn* with these arguments and return what it returns, or raise what it raises.

        Called once per attempt of a step, and once per call of a tool; any number of calls may
        be going on at the same time. If *fn* is an ``async def``, its coroutine must be awaited.

        Args:
          ctx: The context of the step call, given always. If *fn* takes it, it is among the
            arguments as well, as this very object.

        **Cancellation**: must reach the body, or be held back until the body has ended; a
        body must never go on after this method has returned or raised.
        """
