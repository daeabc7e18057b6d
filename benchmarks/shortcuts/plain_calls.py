"""Plain twins of the other shortcuts, as far as they are no functions of trioflow themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio
from cattrs import Converter
from trio.lowlevel import checkpoint, checkpoint_if_cancelled

from trioflow import EventStream
from trioflow import events as ev
from trioflow._engine.base.outcome import Outcome
from trioflow._engine.base.plan import CallPlan
from trioflow._engine.running import call_end, fast_events
from trioflow._engine.running.call import Call
from trioflow._engine.running.frame import Scope
from trioflow._engine.stream.fairness import Pacer
from trioflow._engine.stream.log import RunLog
from trioflow._engine.stream.reader import Reader
from trioflow._values.containers import _same
from trioflow._values.structure import structure_part
from trioflow.errors import Fault, FaultsError


# ---------------------------------------------------------------- calls
class PlainCall(Call):
    """A call that its ``__init__`` fills, and that asks in one place whether it is open."""

    __slots__ = ()

    def __init__(
        self, plan: CallPlan, scope: Scope, address: str, iteration: int | None = None
    ) -> None:
        self.scope = scope
        self.plan = plan
        self.address = address
        self.id = scope.prefix + plan.id
        self.iteration = iteration
        self.round = self.attempt = 0
        self.suspend_data = self.updates = None
        self.answer = False, None
        self.is_open = True

    async def write(self, chunk: Any) -> None:
        self._check_open()
        core = self.scope.core
        await core.pacer.give_way()
        self._check_open()
        core.log.add(fast_events.step_output(self, chunk))


def close_call(call: Call, outcome: Outcome, started_at: float) -> Outcome:
    """Close a call whatever its outcome is, as `close_call` does if it is not a success."""
    call.is_open = False
    call_end._emit_end(call, outcome, started_at)
    return call_end.as_success(outcome)


def as_coroutine(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return an async function that awaits what *function* returns."""

    async def awaits(*args: Any) -> Any:
        return await function(*args)

    return awaits


_boundary = Pacer.boundary


async def boundary(pacer: Pacer, function: object = None) -> None:
    """Pass the boundary before a step, and let all other tasks have a turn first."""
    await checkpoint()
    await _boundary(pacer, function)


def tick(log: RunLog) -> float:
    """Return the time for the events that happen now, as the run knows it from Trio."""
    log.at = log.now()
    return log.at


def set_once(instance: object, name: str, value: object) -> None:
    """Set an attribute as the ``__init__`` of a frozen class does, and no later."""
    if hasattr(instance, name):
        raise attrs.exceptions.FrozenAttributeError
    object.__setattr__(instance, name, value)


@attrs.frozen(eq=False)
class FrozenSuccess:
    """`Success`, frozen."""

    value: Any


# ---------------------------------------------------------------- reading
class PlainStream(EventStream):
    """A stream whose loop awaits `receive`, which takes what `receive_nowait` gives."""

    __slots__ = ()
    __anext__ = trio.abc.ReceiveChannel.__anext__

    async def receive(self) -> ev.AnyEvent:
        await checkpoint_if_cancelled()
        reader = self._reader
        is_at_once = reader.unread and reader.position < reader.turn_at and not self._closed
        if not is_at_once and not await self._pause():
            raise trio.EndOfChannel
        return self.receive_nowait()


class PlainReader(Reader):
    """A reader that counts its unread events with `max`."""

    @property
    def unread(self) -> int:
        return max(0, self.window.end - self.position)


# ---------------------------------------------------------------- values
def structure_items(arm: Any, converter: Converter) -> Callable[[list[Any]], Any]:
    """Return what structures each item of a list, and returns the list itself if all fit."""
    hook = converter.get_structure_hook(arm)

    def structure(values: list[Any]) -> Any:
        faults: list[Fault] = []
        items = [
            structure_part(item, hook, arm, f"[{index}]", faults)
            for index, item in enumerate(values)
        ]
        if faults:
            raise FaultsError(tuple(faults))
        return values if _same(items, values) else items

    return structure
