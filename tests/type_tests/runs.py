"""What a run takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from tests.type_tests.models import City, Forecast, describe, fetch_forecast
from trioflow import (
    BulkResult,
    Engine,
    EventStream,
    EventStreamStatistics,
    Run,
    RunInfo,
    RunRecord,
    RunResult,
    RunStream,
    Workflow,
    events,
    open_engine,
)

weather = Workflow("weather", input=City, output=str).then(fetch_forecast).then(describe)
untyped = Workflow("untyped").then("files.list")


async def runs() -> None:
    assert_type(await weather.run(City("Oslo")), str)
    assert_type(await weather.run(City("Oslo"), runtime_context={"tenant": "a"}), str)
    assert_type(await untyped.run({"root": "."}), Any)
    assert_type(await untyped.run(), Any)

    run = weather.create_run(run_id="a", resource_id="b")
    assert_type(run, Run[City, str])
    assert_type(run.run_id, str)
    assert_type(run.record, RunRecord)
    result = await run.start(City("Oslo"))
    assert_type(result, RunResult[str])
    assert_type(result.output, str | None)
    assert_type(result.unwrap(), str)
    assert_type(await run.wait(), RunResult[str])
    assert_type(await run.drain(grace=1), RunResult[str])
    async with run.observe(after=3, until="finished") as observer:
        assert_type(observer, EventStream)
        assert_type(observer.receive_nowait(), events.AnyEvent)
        assert_type(await observer.receive_some(), list[events.AnyEvent])
        assert_type(observer.clone(), EventStream)
        assert_type(observer.statistics(), EventStreamStatistics)
        with observer as same:
            assert_type(same, EventStream)


async def continued() -> None:
    run = weather.create_run()
    assert_type(await run.resume(True, step=describe), RunResult[str])
    async with run.resume_stream({"a": 1}, label="ask", index=0) as stream:
        assert_type(stream, RunStream[str])
    assert_type(await run.recover(), RunResult[str])
    assert_type(await run.fork(describe, input_data=Forecast("Oslo", 1.0)), Run[City, str])
    assert_type(await run.retry(by="ann"), Run[City, str])


async def streams() -> None:
    async with weather.create_run().stream(City("Oslo"), max_buffer_size=8) as stream:
        assert_type(stream, RunStream[str])
        assert_type(stream.clone(), RunStream[str])
        assert_type(stream.trace_id, str)
        async for event in stream:
            assert_type(event, events.AnyEvent)
            event_of_old_code: events.Event = event
            print(event_of_old_code)
            match event:
                case events.StepResult(id="describe", status="success"):
                    assert_type(event.error, BaseException | None)
                case events.StepFinish(seconds=seconds):
                    assert_type(seconds, float)
                case _:
                    assert_type(event.seq, int)
        assert_type(await stream.get_workflow_state(), RunResult[str])


async def engines() -> None:
    async with open_engine(limits={"gpu": 2}, workflows=[weather], blocked=["files"]) as engine:
        assert_type(engine, Engine)
        assert_type(engine.submit(weather, City("Oslo")), Run[City, str])
        assert_type(engine.submit(await weather.create_run().retry()), Run[City, str])
        assert_type(await engine.run(weather, City("Oslo"), initial_state=1), str)
        assert_type(await engine.run("weather", tags=["t"]), Any)
        async with engine.observe("r", on_full="gap") as stream:
            assert_type(stream, EventStream)
        assert_type(engine.create_run("weather"), Run[Any, Any])
        once = await engine.start_once(weather, City("Oslo"), run_id="r", tags=["t"])
        assert_type(once, Run[City, str] | None)
        assert_type(await engine.start_once("weather", run_id="r"), Run[Any, Any] | None)
        ended = await engine.list_runs(status=["success", "failed"], since=timedelta(days=1))
        assert_type(ended, Sequence[RunInfo])
        assert_type(await engine.count_runs(before=datetime.now(UTC), tags={"t"}), int)
        assert_type(await engine.delete_runs(resource_id="ann"), BulkResult)


# ---------------------------------------------------------------- rejected
async def wrong() -> None:
    await weather.run("Oslo")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await weather.create_run().start("Oslo")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await weather.run(City("Oslo"), state=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    weather.create_run().resume("ask", True)  # type: ignore[unused-coroutine, call-arg]  # pyright: ignore[reportCallIssue]
    weather.create_run().observe(until="over")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    weather.create_run().stream(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    forecast: Forecast = await weather.run(City("Oslo"))  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(forecast)
    weather.run(City("Oslo"))  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    async with weather.create_run().stream(City("Oslo")) as stream:
        next(stream)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    async with open_engine(limits=2) as engine:  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        engine.submit(weather, 3)  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
        engine.submit("weather", 3)
        await engine.start_once(weather, City("Oslo"))  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
        await engine.list_runs(status="succes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await engine.count_runs(limit=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        engine.submit("weather", if_exists="replace")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
