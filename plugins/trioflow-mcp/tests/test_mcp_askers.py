"""Which call a question is given to, when calls are left at the same time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from trioflow_mcp.askers import WITHDRAWAL, Askers
from trioflow_mcp.exchange import Exchange


@asynccontextmanager
async def two_calls(askers: Askers) -> AsyncIterator[tuple[Exchange, AsyncExitStack]]:
    """Yield a call that runs on, and the stack of one that is left by closing it."""
    staying, leaving = Exchange("stays"), AsyncExitStack()
    async with askers.calling(staying), leaving:
        await leaving.enter_async_context(askers.calling(Exchange("leaves")))
        yield staying, leaving


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_question_of_a_call_that_is_left_may_be_withdrawn(
    when: str, autojump_clock: MockClock
) -> None:
    """It may arrive before or after its call is left."""
    askers, found = Askers(), list[Exchange | None]()

    async def find() -> None:
        found.append(await askers.find("q"))

    async with two_calls(askers) as (staying, leaving), trio.open_nursery() as nursery:
        if when == "before":
            nursery.start_soon(find)
            await wait_all_tasks_blocked()
        await leaving.aclose()
        if when == "after":
            nursery.start_soon(find)
        await trio.sleep(WITHDRAWAL * 0.9)
        assert found == []
        await trio.sleep(WITHDRAWAL * 0.2)
        assert found == [staying]


async def test_a_question_is_given_at_once_if_no_call_was_left(autojump_clock: MockClock) -> None:
    askers, calls = Askers(), [Exchange("one"), Exchange("two")]
    for call in calls:
        async with askers.calling(call):
            assert await askers.find("q") is call
            call.fail(ValueError("over"))
    assert trio.current_time() == 0
    assert await askers.find("q") is None
