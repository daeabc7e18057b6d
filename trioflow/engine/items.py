"""The body of a foreach: workers that pull items from one iterator.

A task per item would cost more than the engine's whole work for a short item, and batches
would let slow items hold up the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from trioflow import events as ev
from trioflow.engine.call import Call, make_attempts, result_fields, settled
from trioflow.engine.outcome import Outcome, Success
from trioflow.engine.plan import CallPlan
from trioflow.engine.siblings import Siblings, open_siblings
from trioflow.nodes import OnError


@attrs.define(eq=False)
class ItemsBody:
    """Runs a call per item; is the body of the call for the whole loop."""

    item: CallPlan
    concurrency: int
    on_error: OnError

    async def __call__(self, loop: Call, items: Sequence[Any]) -> Outcome:
        queue = iter(enumerate(items))
        total = len(items)
        async with open_siblings(self.on_error) as siblings:
            progress = _Progress(loop, self.item, siblings, total)
            # The first worker is this task itself: concurrency 1 needs no other.
            for _ in range(min(self.concurrency, total) - 1):
                siblings.nursery.start_soon(progress.work, queue)
            await progress.work(queue)
        outcome = siblings.join(range(total))
        if isinstance(outcome, Success):
            return Success(list(outcome.value.values()))
        return outcome


@attrs.define(eq=False)
class _Progress:
    """What the workers of one foreach share."""

    loop: Call
    item: CallPlan
    siblings: Siblings
    total: int
    done: int = 0

    async def work(self, queue: Iterator[tuple[int, Any]]) -> None:
        """Run items until none is left or one has failed."""
        for index, value in queue:
            if self.siblings.stopped:
                return
            self.siblings.record(index, await self._run(index, value))

    async def _run(self, index: int, value: Any) -> Outcome:
        core = self.loop.scope.core
        await core.pacer.boundary()
        call = Call(self.loop.scope, plan=self.item, address=f"{self.loop.address}[{index}]")
        try:
            outcome = await make_attempts(call, value)
        except BaseException:
            self._report(call, index, None)
            raise
        try:
            await core.log.wait_for_room()
        finally:
            outcome = settled(call, outcome)
            self._report(call, index, outcome)
        return outcome

    def _report(self, call: Call, index: int, outcome: Outcome | None) -> None:
        call.is_open = False
        self.done += outcome is not None
        fields = result_fields(call, outcome)
        self.loop.emit(ev.StepProgress, index=index, done=self.done, total=self.total, **fields)
