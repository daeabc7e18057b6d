"""The contract of runners, which execute the bodies of steps and tools."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

from trioflow.context import StepContext
from trioflow.steps import Step
from trioflow.tools import Tool


class Runner(ABC):
    """Runs the bodies of steps and tools, for example in a thread or a process.

    A step or tool selects a runner by name, with ``@step(runner="name")`` or
    ``@tool(runner="name")``. Runners come from ``open_engine(runners={"name": ...})`` or from a
    plugin's ``trioflow_runner("name")``. An engine uses a runner as ``async with runner``: it
    opens it once, before the first body, and closes it after the last run has ended. If a task of
    the runner raises meanwhile, its bodies are canceled, their steps fail with `RunnerFailedError`,
    and the next body opens the runner again.
    `trioflow.testing.check_runner` checks this contract.
    """

    async def __aenter__(self) -> Self:
        """Open what the bodies share, such as a pool of workers."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:  # noqa: B027 - not all need it
        """Close the runner and wait until nothing of it is left. No body is running."""

    def check(self, fn: Callable[..., Any], where: str) -> None:  # noqa: B027 - not all need it
        """Check that this runner can run a function. Called while a workflow is planned.

        Args:
          fn: The function as its author wrote it.
          where: What the function belongs to, for the error: ``"step 'resize'"``.

        Raises:
          DefinitionError: if the runner can never run it.
        """

    def bind(self, definition: Step[Any, Any] | Tool[..., Any]) -> Runner:
        """Return what runs the bodies of a step or tool. Called once, while a workflow is planned.

        A runner whose options differ between steps reads them here, for example from the
        ``metadata`` of the definition, and returns another runner that has them. What it returns
        is used while this runner is open; it is neither opened nor closed itself.

        Raises:
          DefinitionError: if the definition has options that this runner does not have.
        """
        return self

    @abstractmethod
    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        """Call *fn* with these arguments and return what it returns, or raise what it raises.

        Called once per attempt of a step, and once per call of a tool; any number of calls may
        run concurrently. If *fn* is an ``async def``, its coroutine must be awaited. A ``timeout``
        counts from the call, except inside `trioflow.runners.outside_timeout`.

        Args:
          ctx: The context of the step call; always passed. If *fn* takes it, this same object is
            also among the arguments.

        **Cancellation**: must reach the body, or be held back until the body has ended. A body
        must never continue after this method has returned or raised.
        """
