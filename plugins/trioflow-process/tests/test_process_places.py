"""Bodies that wait need no place, runs share places fairly, and waiting is no part of a timeout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from process_steps import nested, values
from process_steps.engines import open_workers, workflow

from trioflow import StepContext, Workflow, events, step
from trioflow.errors import StepTimeoutError


def each(body: Any, concurrency: int = 4) -> Workflow[Any, Any]:
    return Workflow[Any, Any]("w", input=list[Any]).foreach(body, concurrency=concurrency)


@pytest.mark.parametrize("workers", [1, 2])
async def test_as_many_steps_as_workers_call_tools_in_workers(workers: int) -> None:
    async with open_workers(workers) as engine:
        deep = await engine.create_run(each(nested.call)).start([1, 2, 3])
        wide = await engine.create_run(each(nested.call_together)).start([3, 4])

    assert deep.unwrap() == [1, 16, 81]
    assert wide.unwrap() == [[0, 1, 4], [0, 1, 4, 9]]


async def test_a_step_that_waits_for_an_event_of_another_one_does_not_hold_it_up() -> None:
    @step(id="send")
    async def send(value: Any, ctx: StepContext[Any]) -> Any:
        run.send_event("word", value)
        return value

    inner = Workflow[Any, Any]("inner").then(values.plain).then(send)
    both = Workflow[Any, Any]("w").parallel(nested.wait_for_word, inner)
    async with open_workers(1) as engine:
        run = engine.create_run(both)
        result = await run.start(1)

    assert result.unwrap() == {"wait_for_word": "2", "inner": 2}


async def test_a_reader_that_needs_a_worker_itself_is_not_held_up() -> None:
    async with open_workers(1) as engine:
        run = engine.create_run(workflow(nested.write_more_than_is_read))
        squares = []
        async with run.stream(None, max_buffer_size=2) as stream:
            async for event in stream:
                if isinstance(event, events.StepOutput):
                    other = await engine.create_run(workflow(nested.squares)).start(event.chunk)
                    squares.append(other.unwrap())

    assert squares == [n * n for n in range(10)]
    assert run.record.steps["write_more_than_is_read"].output == "written"


async def test_a_run_that_a_body_starts_gets_a_place() -> None:
    squares = Workflow[Any, Any]("squares", input=int).then(nested.squares)
    async with open_workers(1, workflows=[squares]) as engine:
        id = (await engine.submit(workflow(nested.call_and_start), 5).wait()).unwrap()
        assert (await engine.get_run(id).wait()).unwrap() == 25


async def test_a_run_of_many_items_does_not_hold_up_another_one() -> None:
    async with open_workers(1) as engine:
        long = engine.submit(each(nested.take, 30), [0.1] * 30)
        async with long.observe() as stream:
            async for event in stream:
                if isinstance(event, events.StepProgress):
                    break
        short = await engine.submit(workflow(nested.take), 0).wait()
        begun = (await long.wait()).unwrap()

    before = [at for at in begun if at < short.unwrap()]
    assert len(before) < 10  # as many as it takes to submit a run


async def test_waiting_for_a_place_is_no_part_of_a_timeout() -> None:
    @step(id="call_quick")
    async def call_quick(_: Any, ctx: StepContext[Any]) -> Any:
        return await ctx.call_tool(nested.square, 3)

    both = Workflow[Any, Any]("w").parallel(nested.be_quick, call_quick)
    async with open_workers(1) as engine:
        holder = engine.submit(workflow(nested.take), 2)
        async with holder.observe() as stream:
            await stream.receive()
            await stream.receive()
        result = await engine.create_run(both).start(None)
        slow = await engine.create_run(workflow(nested.be_slow)).start(None)
        await holder.wait()

    assert result.unwrap() == {"be_quick": "quick", "call_quick": 9}
    assert isinstance(slow.error, StepTimeoutError)


async def test_imports_of_a_worker_are_no_part_of_a_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_import.py").write_text(
        "import time\nfrom trioflow import step\n"
        "if __import__('multiprocessing').parent_process():\n    time.sleep(2)\n"
        "@step(runner='process', timeout=1)\ndef body(n: int) -> int: return n\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import slow_to_import  # type: ignore[import-not-found]

    async with open_workers(1) as engine:
        result = await engine.create_run(workflow(slow_to_import.body)).start(1)

    del sys.modules["slow_to_import"]
    assert result.unwrap() == 1


async def test_processes_that_were_needed_while_others_waited_do_not_stay() -> None:
    async with open_workers(1) as engine:
        (await engine.create_run(each(nested.call)).start([1, 2, 3, 4])).unwrap()
        pids = [
            (await engine.create_run(workflow(values.where)).start(None)).unwrap() for _ in range(4)
        ]

    assert len(set(pids[1:])) == 1


async def test_a_body_that_waits_can_be_canceled() -> None:
    async with open_workers(1) as engine:
        run = engine.submit(workflow(nested.wait_for_word))
        async with run.observe() as stream:
            async for event in stream:
                if isinstance(event, events.StepWaiting):
                    run.cancel()
        assert (await run.wait()).status == "canceled"
        with trio.fail_after(60):
            assert (await engine.create_run(workflow(values.plain)).start(1)).unwrap() == 2
