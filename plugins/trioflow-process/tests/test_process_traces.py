"""A body leaves no traces in its worker: settings of the process, and context variables."""

from __future__ import annotations

from typing import Any

import pytest
from process_steps import traces, values
from process_steps.engines import open_workers, start
from trioflow_process import ProcessRunner

from trioflow import open_engine


async def test_what_a_body_changes_is_undone() -> None:
    async with open_workers() as engine:
        before = (await start(engine, traces.look_around)).unwrap()
        inside = (await start(engine, traces.change_everything)).unwrap()
        after = (await start(engine, traces.look_around)).unwrap()

    same = [name for name in before if inside[name] == before[name]]
    assert same == ["pid", "priority"]  # which only some users can lower again
    assert after == before


async def test_a_worker_that_cannot_be_restored_is_replaced() -> None:
    async with open_workers() as engine:
        pids = []
        for what in ("files", "nothing", "folder"):
            pids.append((await start(engine, traces.lower, what)).unwrap())

    assert pids[0] != pids[1]


@pytest.mark.parametrize("max_calls", [1, 3])
async def test_a_worker_runs_only_so_many_bodies(max_calls: int) -> None:
    runners = {"process": ProcessRunner(1, max_calls=max_calls)}
    async with open_engine(plugins=[], runners=runners) as engine:
        pids = [(await start(engine, values.where)).unwrap() for _ in range(4)]

    wanted = [index // max_calls for index in range(4)]
    assert [sorted(set(pids), key=pids.index).index(pid) for pid in pids] == wanted


@pytest.mark.parametrize("calls", [0, -1, 1.0, True])
def test_max_calls_is_a_number_of_bodies(calls: Any) -> None:
    with pytest.raises(ValueError, match="max_calls must be a whole number >= 1 or None, not"):
        ProcessRunner(1, max_calls=calls)


async def test_context_variables_stay_on_their_side() -> None:
    async with open_workers() as engine:
        token = traces.variable.set("set by the caller")
        first = (await start(engine, traces.read_variable, "first")).unwrap()
        second = (await start(engine, traces.read_variable, "second")).unwrap()
        seen = traces.variable.get()
        traces.variable.reset(token)

    assert first == ["not set", "first"]
    assert second == ["not set", "second"]
    assert seen == "set by the caller"
