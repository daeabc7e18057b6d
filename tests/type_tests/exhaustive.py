"""A ``match`` over all events, of which a checker finds the missing case."""

from __future__ import annotations

from typing import assert_never

from trioflow import events as ev


def handle(event: ev.AnyEvent) -> str:
    match event:
        case ev.ToolEvent():
            return event.name
        case ev.StepEvent():
            return event.address
        case ev.Start():
            return event.workflow_id
        case ev.EventReceived() | ev.Resume() | ev.Recover() | ev.Suspended() | ev.Paused():
            return event.type
        case ev.Canceled(reason=reason):
            return reason or ""
        case ev.Finish(status=status):
            return status
        case _:
            assert_never(event)


# ---------------------------------------------------------------- rejected
def forget_one(event: ev.AnyEvent) -> str:
    match event:
        case ev.StepEvent() | ev.EventReceived() | ev.Resume() | ev.Recover() | ev.Suspended():
            return event.type
        case ev.Start() | ev.Canceled() | ev.Finish():
            return event.type
        case _:
            assert_never(event)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
