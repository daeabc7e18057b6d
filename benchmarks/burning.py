"""Chains whose steps burn CPU, and when their reader sees what has happened.

All times are the process's own, see `benchmarks.clocks.OwnTimeClock`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs

from benchmarks import floor as by_hand
from benchmarks.ours import chain_of
from benchmarks.pairs import Main, Pair
from trioflow import events, step


@attrs.define
class BusyChain:
    """One run of such a chain: what its steps do, and what its reader sees."""

    burns: Sequence[float]
    """Seconds that each step burns."""
    began: list[float] = attrs.field(factory=list)
    """When the body of each step began, on `time.process_time`."""
    ended: list[float] = attrs.field(factory=list)
    saw_start: dict[int, float] = attrs.field(factory=dict)
    """When the reader saw that a step had begun, by its position."""
    saw_end: dict[int, float] = attrs.field(factory=dict)
    """When the reader had seen all that closes a step."""

    async def body(self, value: int) -> int:
        self.began.append(time.process_time())
        until = self.began[-1] + self.burns[len(self.ended)]
        while time.process_time() < until:
            pass
        self.ended.append(time.process_time())
        return value

    def see(self, event: Any) -> None:
        """Take note of an event; the floor's count as well."""
        now = time.process_time()
        match event:
            case events.StepStart(id=id) | by_hand.Started(id=id):
                self.saw_start[_position(id)] = now
            case events.StepFinish(id=id) | by_hand.Finished(id=id):
                self.saw_end[_position(id)] = now

    def late_starts(self) -> list[float]:
        """Return how long each body that burns had run when its start was seen."""
        delays = [self.saw_start[index] - began for index, began in enumerate(self.began)]
        return [max(0.0, delay) for delay, burn in zip(delays, self.burns, strict=True) if burn]

    def late_ends(self) -> list[float]:
        """Return how long after the end of each body before one that burns it was seen."""
        delays = [self.saw_end[index] - ended for index, ended in enumerate(self.ended)]
        return [delay for delay, burn in zip(delays, self.burns[1:], strict=False) if burn]


def _position(id: str) -> int:
    return int(id.removeprefix("step"))


Run = Callable[[], Awaitable[BusyChain]]
"""Runs such a chain once."""


def ours(burns: Sequence[float]) -> Run:
    """Return what runs a chain with trioflow."""
    chain = BusyChain(burns)

    @step
    async def burn(value: int) -> int:
        return await chain.body(value)

    workflow = chain_of([burn] * len(burns))

    async def run() -> BusyChain:
        nonlocal chain
        chain = BusyChain(burns)
        async with workflow.create_run().stream(0) as stream:
            async for event in stream:
                chain.see(event)
        return chain

    return run


def floor(burns: Sequence[float]) -> Run:
    """Return what runs a chain as one would by hand."""

    async def run() -> BusyChain:
        chain = BusyChain(burns)
        steps = [(f"step{index}", chain.body) for index in range(len(burns))]
        await by_hand.watch_chain(steps, 0, chain.see)
        return chain

    return run


def pair(burns: Sequence[float]) -> Pair:
    """Return the same as a pair of programs, for whoever only wants them to run."""
    return Pair(_seconds(ours(burns)), _seconds(floor(burns)))


def _seconds(run: Run) -> Main:
    async def main() -> float:
        chain = await run()
        return chain.ended[-1] - chain.began[0]

    return main
