"""Journals of every earlier format load, go on and end as they did."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.journals.sample import RUN, SAMPLE, read
from trioflow import open_engine
from trioflow._engine.journal.codec import FORMAT, decode
from trioflow.testing import check_events

FILES = sorted(Path(__file__).parent.glob("format-*.json"))


def test_there_is_a_journal_of_every_format() -> None:
    assert [file.stem for file in FILES] == [f"format-{n}" for n in range(1, FORMAT + 1)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_it_loads_and_goes_on(file: Path, autojump_clock: MockClock) -> None:
    store = await read(file)
    async with open_engine(plugins=[], store=store, workflows=[SAMPLE]) as engine:
        run = await engine.load_run(RUN)
        assert (run.status, run.resource_id) == ("suspended", "somebody")
        assert run.record.runtime_context == {"tenant": "a", "tried": 2}
        assert run.record.state == {"a": 1, "tried": 2}
        run.send_event("go", "now")
        await run.resume("second", label="question", index=1)
        with trio.fail_after(100):
            last = await run.resume("third")
        item = {"double": 206}
        assert last.output is not None
        assert last.output[0] == [
            {**item, "asks": [103, "first"]},
            {**item, "asks": [103, "second"]},
        ]
        assert last.output[1] == "third"
    check_events(decode(RUN, await store.read(RUN)), SAMPLE)
