"""The body of a foreach: workers that take items from one iterator.

A task per item would be expensive for short items (shortcut `item-workers`), and in batches slow
items would delay the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from trioflow._engine.base.outcome import Outcome, Success, Suspended
from trioflow._engine.base.plan import CallPlan
from trioflow._engine.running import fast_events
from trioflow._engine.running.attempts import perform
from trioflow._engine.running.call import Call, new_call
from trioflow._engine.running.call_end import (
    emit_context_changes,
    end_otherwise,
    ending,
    settled,
    suspension_fields,
)
from trioflow._engine.running.siblings import Siblings, collected, open_siblings
from trioflow._engine.stream.fairness import MAX_SECONDS
from trioflow.events import ItemStatus, Question
from trioflow.nodes import OnError


@attrs.define(eq=False)
class ItemsBody:
    """Runs a call per item; the body of the call for the whole loop."""

    item: CallPlan
    concurrency: int
    on_error: OnError

    async def __call__(self, loop: Call, items: Sequence[Any]) -> Outcome:
        total = len(items)
        values = [items[index] for index in range(total)]  # read here: they may be of any class
        async with open_siblings(self.on_error) as siblings:
            progress = _Progress(loop, self.item, siblings, total)
            queue = iter([(index, values[index]) for index in progress.remaining()])
            # The first worker is this task itself, so concurrency 1 needs no other task.
            for _ in range(min(self.concurrency, total) - 1):
                siblings.nursery.start_soon(progress.work, queue)
            await progress.work(queue)
        outcome = siblings.join(range(total), progress.collect)
        if isinstance(outcome, Success):
            return Success(list(outcome.value.values()))
        return outcome


@attrs.define(eq=False)
class _Progress:
    """The state that the workers of one foreach share."""

    loop: Call
    item: CallPlan
    siblings: Siblings
    total: int
    done: int = 0
    reported: int | None = None
    """The item whose end was emitted last."""
    begun: int = 0
    """How many begun items still have to continue, even if others wait."""

    def remaining(self) -> Iterable[int]:
        """Return the items to run, and take over the outcomes of earlier parts of the run."""
        replay = self.loop.scope.core.replay
        if replay is None:
            return range(self.total)
        fresh, begun = [], []
        for index in range(self.total):
            outcome = replay.outcome(self._address(index))
            if isinstance(outcome, Suspended):
                self.siblings.outcomes[index] = outcome
            elif outcome is not None:
                self.siblings.record(index, outcome)
                self.done += 1
            elif replay.item_has_begun(self._address(index)):
                begun.append(index)
            else:
                fresh.append(index)
        waiting = any(isinstance(o, Suspended) for o in self.siblings.outcomes.values())
        self.begun = len(begun)
        # While an item waits for an answer, no later item is started.
        return begun if waiting else [*begun, *fresh]

    def collect(self, index: int, outcome: Outcome) -> Any:
        """Return the placeholder for an item with ``on_error="collect"``."""
        return collected(outcome, self.loop.scope.core.log.record, self._address(index))

    async def work(self, queue: Iterator[tuple[int, Any]]) -> None:
        """Run items until none is left, or one has failed or waits for an answer."""
        may_start = True  # the first item of each worker belongs to the initial group
        while (may_start and not self.siblings.stopped) or self._may_continue():
            index, value = next(queue, (None, None))
            if index is None:
                return
            self.begun -= 1
            self.siblings.record(index, await self._run(index, value))
            may_start = not self.siblings.waiting

    def _may_continue(self) -> bool:
        """Return whether an item had begun in an earlier part of the run and may finish."""
        may_end = self.siblings.on_error != "cancel" or not self.siblings.stopped
        return self.begun > 0 and may_end

    async def _run(self, index: int, value: Any) -> Outcome:
        core = self.loop.scope.core
        scope, plan = self.loop.scope, self.item
        call = new_call(plan, scope, self._address(index))
        if core.replay is not None:
            core.replay.prepare(call)
        await core.pacer.boundary(plan.code)
        try:
            outcome = await perform(call, value)
        except BaseException as exc:
            self._cancel(call, index, exc)
            raise
        try:
            if core.readers.congested:
                await core.readers.wait_for_room()
        finally:
            outcome = self._report(call, index, settled(call, outcome))
        return outcome

    def _report(self, call: Call, index: int, outcome: Outcome) -> Outcome:
        """Emit the end of an item, and return it; an item that cannot be written has failed."""
        call.is_open = False
        try:
            self._emit_end(call, index, outcome)
        except BaseException as exc:
            return self._end_otherwise(call, index, outcome, exc)
        return outcome

    # A separate function, like that of close_call().
    def _end_otherwise(
        self, call: Call, index: int, outcome: Outcome, problem: BaseException
    ) -> Outcome:
        return end_otherwise(
            call,
            outcome,
            problem,
            emit=lambda other: self._emit_end(call, index, other),
            has_ended=lambda: self.reported == index,
        )

    def _cancel(self, call: Call, index: int, exc: BaseException) -> None:
        call.is_open = False
        call.scope.core.heed(exc)
        try:
            self._emit_end(call, index, None)
        except Exception:  # what it has put into the runtime context cannot be written, and goes
            if self.reported != index:
                self._emit_end(call, index, None)

    def _emit_end(self, call: Call, index: int, outcome: Outcome | None) -> None:
        context = call.scope.core.context
        if context is not None and context.has_changed:
            emit_context_changes(call, context)
        if isinstance(outcome, Suspended):
            fields = suspension_fields(call, outcome)
            self._progress(index, call.attempt, "suspended", **fields)
            return
        self._progress(index, call.attempt, *ending(call, outcome))

    def _progress(
        self,
        index: int,
        attempts: int,
        status: ItemStatus,
        output: Any = None,
        error: BaseException | None = None,
        state_updates: Mapping[str, Any] | None = None,
        payload: Any = None,
        label: str | None = None,
        asks: Mapping[str, Question] | None = None,
    ) -> None:
        core = self.loop.scope.core
        before = core.log.at
        done = self.done + (status not in ("suspended", "canceled"))
        progress = fast_events.step_progress(
            self.loop,
            index,
            done,
            self.total,
            status,
            output,
            error,
            state_updates,
            payload,
            label,
            asks,
            attempts,
        )
        if progress.at - before > MAX_SECONDS:
            core.pacer.was_long(self.item.code)
        state = core.log.record
        before = state.next_seq
        try:
            core.log.add(progress)
        finally:
            if state.next_seq > before:
                self.done, self.reported = done, index

    def _address(self, index: int) -> str:
        return f"{self.loop.address}[{index}]"
