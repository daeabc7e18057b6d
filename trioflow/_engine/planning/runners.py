"""The runners of one engine: found by name, opened before first use, closed afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.planning.kept_runner import House, KeptOpen
from trioflow.abc import Runner


class Runners:
    """Runners by name. Each is looked up once, while something that names it is planned."""

    def __init__(self, find: Callable[[str], Runner | None], names: tuple[str, ...]) -> None:
        """Hold the runners that *find* returns; *names* are those known in advance."""
        self.names = names
        self._find = find
        self._found: dict[str, Runner | None] = {}
        self._kept: dict[Runner, KeptOpen] = {}
        self._house = House()

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
            self._kept[runner] = KeptOpen(runner, self._house)
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


def _has_to_be_opened(runner: Runner) -> bool:
    cls = type(runner)
    return cls.__aenter__ is not Runner.__aenter__ or cls.__aexit__ is not Runner.__aexit__
