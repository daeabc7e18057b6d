"""Wait for named events, as a node and in the middle of a body."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import trio

from trioflow import events as ev
from trioflow._engine.running.sleeping import next_look
from trioflow._values.structure import compile_structure
from trioflow.context import MISSING
from trioflow.errors import EventTimeoutError

if TYPE_CHECKING:
    from trioflow._engine.running.call import Call


async def take_event(call: Call, event: str, until: float | None, timeout: float | None) -> Any:
    """Take the next event of that name and return its data.

    Args:
      until: When to give up: seconds since the epoch.
      timeout: The seconds from the beginning until then, for the error.

    Raises:
      EventTimeoutError: if no event came in time.
    """
    core = call.scope.core
    if until is None or timeout is None:
        return await _taken(call, await core.mailbox.take(event))
    while True:
        received, deadline = None, until - core.log.epoch
        with trio.move_on_at(next_look(deadline)):
            received = await core.mailbox.take(event)
        if received is not None:
            return await _taken(call, received)
        if trio.current_time() >= deadline:
            raise EventTimeoutError(event, call.id, timeout)
        core.log.start_clock()


async def _taken(call: Call, received: ev.EventReceived) -> Any:
    try:
        await call.scope.core.readers.wait_for_room()
    finally:  # it is out of the mailbox, and the record must show that
        call.emit(ev.EventTaken, event=received.event, received=received.seq)
    return received.data


async def receive_event(call: Call, event: str, type: Any, timeout: float | None) -> Any:
    """Suspend a running body until an event comes, and return its data, structured."""
    core = call.scope.core
    if timeout == math.inf:  # no journal could hold it
        timeout = None
    await core.pacer.give_way()  # a body may wait repeatedly, so readers must keep up
    until = None if timeout is None else core.log.now() + timeout
    call.emit(ev.StepWaiting, event=event, until=until)
    data = await take_event(call, event, until, timeout)
    if type is MISSING:
        return data
    structure = compile_structure(type, "event data", f"step {call.id!r}", core.services.converter)
    return data if structure is None else structure(data)
