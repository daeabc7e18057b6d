"""One runner of an engine, kept open by a task of its own until the engine closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import trio

from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report
from trioflow.abc import Runner
from trioflow.context import StepContext
from trioflow.errors import RunnerFailedError
from trioflow.runners import outside_timeout
from trioflow.steps import Step
from trioflow.tools import Tool

GRACE = 5.0
"""Seconds that bodies have to end after their runner has failed."""


@attrs.define(eq=False)
class House:
    """Holds the runners of an engine while they are open."""

    nursery: trio.Nursery | None = None
    """None until the engine is open."""
    closing: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class _Opening:
    """What is known of a runner from one opening to the next."""

    calls: set[trio.CancelScope] = attrs.field(factory=set)
    """The calls that are running."""
    idle: trio.Event = attrs.field(factory=trio.Event)
    """Set when no call is running after a failure."""
    ended: trio.Event = attrs.field(factory=trio.Event)
    has_failed: bool = False
    failure: BaseException | None = None
    """Why the runner ended before its engine closed. None while it is not closed."""


@attrs.define(eq=False)
class KeptOpen(Runner):
    """Opens a runner before it runs anything.

    Each is kept open by its own task: another task cannot leave a nursery that the runner opens,
    and a runner that is first used in a run must outlive that run. If a task of the runner itself
    fails, its bodies are ended with an error, and the next one opens it again.
    """

    _runner: Runner
    _house: House
    _lock: trio.Lock = attrs.field(factory=trio.Lock)
    _open: _Opening | None = None

    def check(self, fn: Callable[..., Any], where: str) -> None:
        self._runner.check(fn, where)

    def bind(self, definition: Step[Any, Any] | Tool[..., Any]) -> Runner:
        bound = self._runner.bind(definition)
        return self if bound is self._runner else _Bound(self, bound)

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        return await self.run_in(self._runner, ctx, fn, args, kwargs)

    async def run_in(
        self,
        runner: Runner,
        ctx: StepContext[Any],
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run a body in *runner*, which is this one or bound to it, while this one is open.

        Raises:
          RunnerFailedError: if the runner fails meanwhile.
        """
        opening = self._open
        if opening is None:
            with outside_timeout(ctx):
                opening = await self.open()
        with trio.CancelScope() as scope:
            opening.calls.add(scope)
            try:
                return await runner.run(ctx, fn, *args, **kwargs)
            finally:
                opening.calls.discard(scope)
                if opening.has_failed and not opening.calls:
                    opening.idle.set()
        await opening.ended.wait()
        raise RunnerFailedError(ctx.step_id, repr(self._runner)) from opening.failure

    async def open(self) -> _Opening:
        """Open the runner, unless it is open.

        Raises:
          ClosedResourceError: if the engine is not open, or no longer.
        """
        async with self._lock:
            if self._open is not None:
                return self._open
            if self._house.nursery is None or self._house.closing.is_set():
                raise trio.ClosedResourceError("a runner works only while its engine is open")
            opening: _Opening = await self._house.nursery.start(self._stay_open)
            return opening

    async def _stay_open(self, task_status: trio.TaskStatus[_Opening]) -> None:
        opening = _Opening()
        try:
            # What cancels the engine reaches its runs at the same time, and they must end first:
            # once it is open, the runner itself alone can end this task.
            with trio.CancelScope() as scope:
                async with self._runner:
                    self._open = opening
                    task_status.started(opening)
                    # A task that waits for the start may be canceled by now, and then waits for
                    # our end.
                    await trio.lowlevel.checkpoint_if_cancelled()
                    scope.shield = True
                    await self._watch(opening)
        except BaseException as exc:
            if not opening.has_failed or must_pass(exc):
                raise
            opening.failure = exc
            report("%r failed while it was open", self._runner, error=exc)
        finally:
            self._open = None
            opening.ended.set()

    async def _watch(self, opening: _Opening) -> None:
        """Wait until the engine closes; end all bodies if the runner ends before."""
        try:
            await self._house.closing.wait()
        except trio.Cancelled:
            self._open, opening.has_failed = None, True
            for call in opening.calls:
                call.cancel()
            with trio.move_on_after(GRACE, shield=True):
                if opening.calls:
                    await opening.idle.wait()
            raise


@attrs.frozen(eq=False)
class _Bound(Runner):
    """Runs the bodies of one definition while the runner that it came from is open."""

    _kept: KeptOpen
    _runner: Runner

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        return await self._kept.run_in(self._runner, ctx, fn, args, kwargs)
