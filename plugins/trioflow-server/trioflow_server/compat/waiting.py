"""Waits for the results of runs, wherever they are driven."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from starlette.responses import Response

from trioflow import events as ev
from trioflow_server.answers import json_answer
from trioflow_server.calls import Call
from trioflow_server.finding import Found, read_record
from trioflow_server.problems import Problem
from trioflow_server.service import Service

T = TypeVar("T")


async def wait_for_result(call: Call, run_id: str, actual_id: str, after: int) -> Response:
    """Answer with the result of a run when it next finishes or suspends.

    Args:
      run_id: The id that the run is shown with.
      after: The ``seq`` of the last event that was there before.
    """

    async def wait() -> dict[str, object]:
        await wait_for_end(call.service, actual_id, after)
        return await result_of(call.service, run_id, actual_id)

    return json_answer(await unless_left(call, wait, "the run continues"))


async def unless_left(call: Call, wait: Callable[[], Awaitable[T]], otherwise: str) -> T:
    """Return what *wait* returns; it is canceled if the client leaves, or the server shuts down.

    Args:
      otherwise: What the client is told of it when the server shuts down.
    """
    results: list[T] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when, call.intake.gone, nursery.cancel_scope)
        nursery.start_soon(_cancel_when, call.service.closing, nursery.cancel_scope)
        results.append(await wait())
        nursery.cancel_scope.cancel()
    if not results:
        retry = {"retry-after": "5"}
        raise Problem(503, f"The server is shutting down; {otherwise}", "closing", (), retry)
    return results[0]


async def result_of(service: Service, run_id: str, actual_id: str) -> dict[str, object]:
    """Return the result of a run as it is now."""
    info = await service.engine.find_run_info(actual_id)
    found = Found(service, run_id, info, info)
    return service.recorder.result(await found.shown())


async def wait_for_end(service: Service, run_id: str, after: int) -> None:
    """Wait until a run finishes or suspends after an event."""
    async with service.engine.observe(run_id, after, until="finished") as stream:
        async for event in stream:
            if isinstance(event, ev.Finish):
                return


async def last_seq(service: Service, run_id: str) -> int:
    """Return the ``seq`` of the last event of a run."""
    return (await read_record(service, run_id)).next_seq - 1


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
