"""Large values are not copied more often than needed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from process_steps import values
from process_steps.engines import open_workers, start

SIZE = 64_000_000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read in /proc")


def forget_peak() -> int:
    """Return the memory that this process uses, and let its peak be that."""
    Path("/proc/self/clear_refs").write_text("5")
    return values.peak()


async def test_each_process_has_one_copy_more_while_a_value_is_on_its_way() -> None:
    value = bytes(range(256)) * (SIZE // 256)
    async with open_workers() as engine:
        at_first = (await start(engine, values.measure, b"")).unwrap()
        before = forget_peak()
        there = (await start(engine, values.measure, value)).unwrap()
        while_sending = values.peak() - before
        before = forget_peak()
        received = (await start(engine, values.make, SIZE)).unwrap()
        while_receiving = values.peak() - before

    assert len(received) == SIZE
    assert while_sending < 1.5 * SIZE
    assert there["peak"] - at_first["peak"] < 2.5 * SIZE  # the value, and as it came
    assert there["now"] - at_first["now"] < 1.5 * SIZE
    assert while_receiving < 2.5 * SIZE
