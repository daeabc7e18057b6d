"""Chunks and log records of bodies in worker processes."""

from __future__ import annotations

import logging

import pytest
import trio
from process_steps import ends, output
from process_steps.engines import open_workers, workflow

from trioflow import events
from trioflow.instruments import StepContextFilter, StepTracker
from trioflow.testing import check_events


async def test_chunks_are_events_in_order_and_feel_the_reader() -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(output.write_many))
        seen = []
        lead = 0
        async with run.stream(50, max_buffer_size=4) as stream:
            async for event in stream:
                seen.append(event)
                await trio.lowlevel.checkpoint()
                lead = max(lead, run.record.next_seq - event.seq - 1)

    check_events(seen)
    chunks = [event.chunk for event in seen if isinstance(event, events.StepOutput)]
    assert chunks == [{"number": number} for number in range(50)]
    assert lead <= 4 + 1


async def test_log_records_come_while_the_body_runs() -> None:
    arrived, token = trio.Event(), trio.lowlevel.current_trio_token()
    places: list[str] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            places.append(vars(record)["step_id"])
            token.run_sync_soon(arrived.set)  # handlers run in a thread

    handler = Noting()
    handler.addFilter(StepContextFilter())
    output.log.addHandler(handler)
    try:
        async with open_workers(instruments=[StepTracker()]) as engine:
            run = engine.submit(workflow(ends.spin))
            await arrived.wait()
            run.cancel()
            assert (await run.wait()).status == "canceled"
    finally:
        output.log.removeHandler(handler)

    assert places == ["spin"]


async def test_log_records_are_what_they_were(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="trioflow_process_tests")
    async with open_workers() as engine:
        (await engine.create_run(workflow(output.log_things)).start(None)).unwrap()
        output.log.setLevel(logging.CRITICAL)
        (await engine.create_run(workflow(output.log_things)).start(None)).unwrap()

    first, failed, elsewhere, again = caplog.records
    assert (first.name, first.levelname) == ("trioflow_process_tests", "INFO")
    assert (first.getMessage(), first.funcName) == ("one two", "log_things")
    assert (vars(first)["tag"], vars(first)["thing"][:17]) == ("t", "<unlocked _thread")
    assert failed.exc_info is not None
    assert "in refuse" in logging.Formatter().formatException(failed.exc_info)
    assert (elsewhere.name, elsewhere.getMessage()) == ("elsewhere", "threaded")
    assert again.name == "elsewhere"


async def test_a_record_for_nobody_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(output.write_many))
        caplog.set_level(logging.INFO, logger="trioflow_process_tests")
        async with run.stream(2) as stream:
            async for event in stream:
                if isinstance(event, events.StepOutput):
                    output.log.setLevel(logging.ERROR)

    assert [record.message for record in caplog.records if "wrote 1" in record.message] == []
