"""The logbook of a runner: its end waits for records, and only while somebody writes them."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

from trioflow.runners.remote import Logbook
from trioflow.runners.remote._forwarding import to_bytes


async def test_its_end_waits_for_the_records(caplog: pytest.LogCaptureFixture) -> None:
    logbook = Logbook()
    record = logging.LogRecord("far", logging.WARNING, __file__, 1, "well", (), None)
    async with trio.open_nursery() as nursery:
        await logbook.write(to_bytes(record))
        nursery.start_soon(logbook.serve)
        await logbook.close()
        assert caplog.messages == ["well"]


async def test_its_end_does_not_wait_for_a_task_that_was_canceled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """As when a run is canceled while its runner is being opened."""
    logbook = Logbook()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(logbook.serve)
        nursery.cancel_scope.cancel()
    await logbook.close()

    assert trio.current_time() == 0
