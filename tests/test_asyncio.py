"""What is said where Trio does not run: under asyncio, or under nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import trio

from tests.flows import add_one
from trioflow import Workflow, open_engine
from trioflow.errors import NotInTrioError

FLOW = Workflow("flow", input=int, output=int).then(add_one)


async def run() -> None:
    await FLOW.run(1)


async def start() -> None:
    await FLOW.create_run().start(1)


async def stream() -> None:
    async with FLOW.create_run().stream(1):
        raise AssertionError("a stream was opened")


async def engine() -> None:
    async with open_engine(plugins=[]):
        raise AssertionError("an engine was opened")


async def durable() -> None:
    async with open_engine(plugins=[], store="memory:"):
        raise AssertionError("an engine was opened")


CALLS = pytest.mark.parametrize("call", [run, start, stream, engine, durable])


@CALLS
def test_under_asyncio_the_first_call_says_what_to_do(
    call: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        await call()

    with pytest.raises(NotInTrioError) as caught:
        asyncio.run(main())

    assert "under asyncio, but trioflow runs on Trio" in str(caught.value)
    assert "Hypercorn's Trio worker" in str(caught.value)
    assert not caplog.messages


@CALLS
def test_under_nothing_the_first_call_says_what_to_do(
    call: Callable[[], Awaitable[None]],
) -> None:
    with pytest.raises(NotInTrioError, match="outside Trio; do it"):
        call().__await__().send(None)


def test_a_run_that_was_refused_can_be_started_on_trio() -> None:
    run = FLOW.create_run()

    async def elsewhere() -> None:
        await run.start(1)

    with pytest.raises(NotInTrioError):
        asyncio.run(elsewhere())

    assert trio.run(run.start, 1).unwrap() == 2
