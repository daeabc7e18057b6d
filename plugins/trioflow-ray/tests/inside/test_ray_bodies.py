"""Bodies on a cluster: what they see, how they end, and what is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from ray_steps import bodies
from trioflow_ray import NoNodeError, WorkerLostError

from trioflow import Engine, Retry, Run, Step
from trioflow.runners.remote import NotPicklableError
from trioflow.testing import check_events

from .conftest import Opening
from .flows import flow, start


async def test_plain_and_async_bodies_use_their_contexts(
    open_ray: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_ray() as engine:
        assert (await start(engine, bodies.double, 2)).unwrap() == 4
        for body in (bodies.use_context, bodies.double_later):
            run = engine.create_run(flow(body), run_id=f"r-{body.id}")
            async with run.stream(3, runtime_context={"tenant": "a"}) as stream:
                events: list[Any] = [event async for event in stream]
            check_events(events)
            chunks = [event.chunk for event in events if event.type == "step-output"]
            assert chunks == [0, 1, 2]
            assert run.record.state == {"count": 3}
        used = await start(engine, bodies.use_context, 1)

    assert used.unwrap()[1:] == ["use_context", 1, {}, "HELLO"]
    assert "used 3" in caplog.messages


async def test_bodies_fail_and_suspend_as_themselves(open_ray: Opening) -> None:
    async with open_ray() as engine:
        failed = await start(engine, bodies.fail, 5)
        locked = await start(engine, bodies.give_lock, 5)
        asking = engine.create_run(flow(bodies.ask))
        assert (await asking.start(1)).status == "suspended"
        answered = await asking.resume("yes")

    assert (type(failed.error), failed.error.args) == (ValueError, ("no", 5))
    assert isinstance(locked.error, NotPicklableError)
    assert answered.unwrap() == "yes"


async def test_a_lost_worker_is_an_error_that_can_be_retried(
    open_ray: Opening, tmp_path: Path
) -> None:
    async with open_ray() as engine:
        lost = await start(engine, bodies.die_once, str(tmp_path / "first"))
        retry = Retry(2, on=(WorkerLostError,))
        run = engine.create_run(flow(bodies.die_once, retry=retry))
        lived = await run.start(str(tmp_path / "second"))

    assert isinstance(lost.error, WorkerLostError)
    assert lost.error.kind == "worker"
    assert lived.unwrap() == "lived"


async def _cancel(run: Run[Any, Any], path: trio.Path) -> None:
    while not await path.exists():  # noqa: ASYNC110 - only the other process knows
        await trio.sleep(0.01)
    run.cancel()
    assert (await run.wait()).status == "canceled"
    size = (await path.stat()).st_size
    await trio.sleep(0.2)  # a body that goes on writes twenty times
    assert (await path.stat()).st_size == size


async def _cancel_each(engine: Engine, folder: Path, *each: Step[Any, Any]) -> None:
    for body in each:
        path = trio.Path(folder / body.id)
        with trio.fail_after(120):
            await _cancel(engine.submit(flow(body), str(path)), path)


async def test_a_canceled_body_has_ended(open_ray: Opening, tmp_path: Path) -> None:
    async with open_ray() as engine:
        await _cancel_each(engine, tmp_path, bodies.tick, bodies.tick_stubbornly)
    async with open_ray(grace=100.0) as engine:  # a busy machine is late to tell it
        await _cancel_each(engine, tmp_path, bodies.tick_async)

    assert (tmp_path / "tick_async.ended").exists()


async def test_options_place_a_body_and_impossible_ones_are_told(open_ray: Opening) -> None:
    async with open_ray() as engine:
        big = (await start(engine, bodies.where_big, 1)).unwrap()
    async with open_ray(start_timeout=1.0) as engine:
        never = await start(engine, bodies.never, 1)

    assert isinstance(big, str)
    assert isinstance(never.error, NoNodeError)
    assert never.error.options == {"resources": {"gold": 1}}
