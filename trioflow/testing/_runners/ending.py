"""The cancellation of a body, and how run() ends."""

from __future__ import annotations

import math
from typing import Any

import attrs
import trio

from trioflow.testing._runners.bench import Bench, Line
from trioflow.testing._runners.bodies import TOLD, Kind

HELD_BACK = 0.5
"""Seconds to wait before a canceled body that does not notice it is told to end."""


@attrs.define(eq=False)
class Ending:
    """A body that will be canceled, and how it ended."""

    bench: Bench
    kind: Kind
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    line: Line | None = None
    over: trio.Event = attrs.field(factory=trio.Event)
    result: Any = None
    error: Exception | None = None
    went_on: bool = False
    """Whether the body was still running after run() had ended."""

    async def run(self) -> None:
        """Call run(), and record how it ends."""
        try:
            with self.scope:
                try:
                    self.result = await self.bench.run(self.kind.hold, self.bench.address)
                finally:
                    self.went_on = self.line is not None and self.line.is_held
        except Exception as exc:
            self.error = exc
        self.over.set()

    async def wait_over(self, line: Line) -> None:
        """Wait for the end of run(); tell the body to end if it does not notice cancellation."""
        with trio.move_on_after(HELD_BACK):
            await self.over.wait()
        await line.end()
        await self.over.wait()

    async def attend(self) -> None:
        """Wait until the body runs, cancel it unless it has a deadline, and wait for its end."""
        async with self.bench.line() as self.line:
            if self.scope.deadline == math.inf:
                self.scope.cancel()
            else:
                await trio.sleep_until(self.scope.deadline)
            await self.wait_over(self.line)

    def check(self) -> None:
        """Check how run() ended after it was canceled."""
        name = self.kind.name
        if self.went_on:
            raise AssertionError(f"{name} is still running after run() has ended")
        if self.error is not None:
            raise AssertionError(f"run() raises {self.error!r} instead of Cancelled for {name}")
        if not self.scope.cancelled_caught and self.result != TOLD:
            raise AssertionError(f"run() returns {self.result!r} for {name}, which was canceled")


async def cancel_body(bench: Bench, kind: Kind, deadline: float = math.inf) -> Ending:
    """Cancel a body as soon as it runs, or at a deadline if one is given."""
    ending = Ending(bench, kind)
    ending.scope.deadline = deadline
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ending.attend)
        await ending.run()
        nursery.cancel_scope.cancel()
    bench.hang_up()
    return ending
