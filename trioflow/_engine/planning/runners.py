"""The runners of one engine: found by name, opened before first use, closed afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trioflow._engine.base.nursery import open_owned_nursery
from trioflow.abc import Runner
from trioflow.context import StepContext
from trioflow.runners import outside_timeout


class Runners:
    """Runners by name. Each is looked up once, while something that names it is planned."""

    def __init__(self, find: Callable[[str], Runner | None], names: tuple[str, ...]) -> None:
        """Hold the runners that *find* returns; *names* are those known in advance."""
        self.names = names
        self._find = find
        self._found: dict[str, Runner | None] = {}
        self._kept: dict[Runner, _KeptOpen] = {}
        self._house = _House()

    def find(self, name: str) -> Runner | None:
        """Return the runner with that name, or None if there is none."""
        if name not in self._found:
            runner = self._find(name)
            self._found[name] = None if runner is None else self._managed(runner)
        return self._found[name]

    def _managed(self, runner: Runner) -> Runner:
        if not _has_to_be_opened(runner):
            return runner
        if runner not in self._kept:  # one runner may have several names
            self._kept[runner] = _KeptOpen(runner, self._house)
        return self._kept[runner]

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None, None]:
        """Open the runners that have been found so far, and others when they are first used.

        They are closed when the block is left.
        """
        async with open_owned_nursery(self._house.closing.set) as nursery:
            self._house.nursery = nursery
            for kept in list(self._kept.values()):
                await kept.open()
            yield


@attrs.define(eq=False)
class _House:
    """Holds the runners of an engine while they are open."""

    nursery: trio.Nursery | None = None
    """None until the engine is open."""
    closing: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class _KeptOpen(Runner):
    """Opens a runner before it runs anything.

    Each is kept open by its own task: another task cannot leave a nursery that the runner opens,
    and a runner that is first used in a run must outlive that run.
    """

    _runner: Runner
    _house: _House
    _opening: trio.Lock = attrs.field(factory=trio.Lock)
    _is_open: bool = False

    def check(self, fn: Callable[..., Any], where: str) -> None:
        self._runner.check(fn, where)

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        if not self._is_open:
            with outside_timeout(ctx):
                await self.open()
        return await self._runner.run(ctx, fn, *args, **kwargs)

    async def open(self) -> None:
        """Open the runner, unless it is open.

        Raises:
          ClosedResourceError: if the engine is not open, or no longer.
        """
        async with self._opening:
            if self._is_open:
                return
            if self._house.nursery is None or self._house.closing.is_set():
                raise trio.ClosedResourceError("a runner works only while its engine is open")
            await self._house.nursery.start(self._stay_open)

    async def _stay_open(self, task_status: trio.TaskStatus[None]) -> None:
        async with self._runner:
            self._is_open = True
            try:
                task_status.started()
                # A task that waits for the start may be canceled by now, and then waits for our
                # end.
                await trio.lowlevel.checkpoint_if_cancelled()
                # A cancellation reaches the runs at the same time, and they must end first.
                with trio.CancelScope(shield=True):
                    await self._house.closing.wait()
            finally:
                self._is_open = False


def _has_to_be_opened(runner: Runner) -> bool:
    cls = type(runner)
    return cls.__aenter__ is not Runner.__aenter__ or cls.__aexit__ is not Runner.__aexit__
