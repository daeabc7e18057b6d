"""Resources in worker processes: one for each worker, in the loop of all its jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from process_steps import shared
from process_steps.engines import workflow
from trioflow_process import ProcessRunner

from trioflow import open_engine
from trioflow.errors import InvalidValueError, ResourceTypeError, UnknownNameError


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "notes"
    monkeypatch.setenv("PROCESS_STEPS_NOTES", str(path))
    return path


async def test_each_worker_opens_its_own_once_and_closes_it_at_its_end(notes: Path) -> None:
    async with open_engine(
        plugins=[],
        runners={"process": ProcessRunner(workers=2)},
        resources={"counter": shared.open_counter},
    ) as engine:
        counts = workflow(shared.count)
        results = [await engine.create_run(counts).start(n) for n in range(4)]
    uses: dict[int, list[int]] = {}
    for result in results:
        pid, use = result.unwrap()
        uses.setdefault(pid, []).append(use)
    assert all(found == list(range(1, len(found) + 1)) for found in uses.values())
    lines = (await trio.Path(notes).read_text()).splitlines()
    assert sorted(lines) == sorted(f"{what} {pid}" for pid in uses for what in ("opened", "closed"))


async def test_an_unknown_one_and_one_of_another_class_are_told_as_in_a_thread(
    notes: Path,
) -> None:
    async with open_engine(
        plugins=[],
        runners={"process": ProcessRunner(workers=1)},
        resources={"counter": shared.open_counter, "lock": trio_lock},
    ) as engine:
        asks = workflow(shared.ask_for)
        unknown = await engine.create_run(asks).start("countr")
        wrong = await engine.create_run(asks).start("lock")
    assert isinstance(unknown.error, UnknownNameError)
    assert "unknown resource 'countr'; did you mean 'counter'?" in str(unknown.error)
    assert isinstance(wrong.error, ResourceTypeError)
    assert "resource 'lock' is of type str, not Counter" in str(wrong.error)


class trio_lock:  # noqa: N801 - what opens a resource may be a class
    async def __aenter__(self) -> str:
        await trio.lowlevel.checkpoint()
        return "locked"

    async def __aexit__(self, *exc_info: object) -> None:
        await trio.lowlevel.checkpoint()


async def test_values_are_structured_and_described_as_in_the_run() -> None:
    async with open_engine(plugins=[], runners={"process": ProcessRunner(workers=1)}) as engine:
        reads = workflow(shared.read)
        good: Any = await engine.create_run(reads).start({"a": 1})
        bad = await engine.create_run(reads).start({"a": "1"})
    assert good.unwrap() == [{"a": 1}, {"type": "array", "items": {"type": "integer"}}]
    assert isinstance(bad.error, InvalidValueError)
    assert "value of step 'read' is invalid: " in str(bad.error)


async def test_an_async_method_that_is_not_awaited_raises_at_once() -> None:
    async with open_engine(plugins=[], runners={"process": ProcessRunner(workers=1)}) as engine:
        result = await engine.create_run(workflow(shared.write_at_once)).start(1)
    assert "use trio.from_thread.run(ctx.write, ...)" in str(result.error)
