"""What hosts a worker, without Ray around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from ray_steps import hosted
from trioflow_ray import start_workers
from trioflow_ray.hosting import Host, Work, find_workflow

from trioflow import open_engine
from trioflow.errors import DefinitionError


def work(store: str, *targets: str, **options: Any) -> Work:
    given: dict[str, Any] = {"capacity": 4, "queues": ("default",), "poll": 0.2, "drain": 5.0}
    return Work(store=store, targets=targets, engine=options, **given)


async def test_a_host_drives_runs_until_it_is_stopped(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/runs.db"
    host = Host(work(url, "ray_steps.hosted:hosted"))
    await trio.to_thread.run_sync(host.wait_ready)
    async with open_engine(store=url, workflows=[hosted.hosted]) as engine:
        run = await engine.load_run(await engine.enqueue("hosted", str(tmp_path)))
        result = await run.wait()
        await trio.to_thread.run_sync(host.stop)

    assert result.unwrap() == str(tmp_path)


async def test_a_host_that_is_stopped_lets_all_bodies_end(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/runs.db"
    host = Host(work(url, "ray_steps.hosted:parent", "ray_steps.hosted:child"))
    await trio.to_thread.run_sync(host.wait_ready)
    async with open_engine(store=url, workflows=[hosted.parent, hosted.child]) as engine:
        await engine.enqueue("parent", str(tmp_path))
        with trio.fail_after(60):
            while not (tmp_path / "begun").exists():  # noqa: ASYNC110 - only the thread knows
                await trio.sleep(0.01)
        await trio.to_thread.run_sync(host.stop)

    assert (tmp_path / "ended").exists()


async def test_a_host_that_cannot_begin_says_why_and_tries_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    host = Host(work(f"sqlite:{tmp_path}/runs.db", "late_flows:hosted"))
    with pytest.raises(DefinitionError, match="No module named 'late_flows'"):
        await trio.to_thread.run_sync(host.wait_ready)
    (tmp_path / "late_flows.py").write_text("from ray_steps.hosted import hosted")
    with trio.fail_after(60):
        while not (tmp_path / "runs.db").exists():  # noqa: ASYNC110 - only the thread knows
            await trio.sleep(0.05)
    await trio.to_thread.run_sync(host.stop)

    assert "a worker has failed; it begins again in 0.2 s" in caplog.messages


async def test_a_host_without_workflows_is_refused(tmp_path: Path) -> None:
    host = Host(work(f"sqlite:{tmp_path}/runs.db", plugins=["sql"]))
    with pytest.raises(DefinitionError, match="there is no workflow to work on"):
        await trio.to_thread.run_sync(host.wait_ready)
    await trio.to_thread.run_sync(host.stop)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("ray_steps.hosted:nothing", "has no attribute 'nothing'"),
        ("ray_steps.hosted:note", "it is of type Step"),
        ("ray_steps.gone:flow", "No module named 'ray_steps.gone'"),
        (":flow", "Empty module name"),
    ],
)
def test_targets_are_workflows(target: str, problem: str) -> None:
    with pytest.raises(DefinitionError, match=f"there is no workflow '{target}'.*{problem}"):
        find_workflow(target)


async def test_arguments_are_checked_before_anything_is_started() -> None:
    with pytest.raises(ValueError, match="count must be a whole number >= 1, not 0"):
        await start_workers(0, store="sqlite:runs.db")
    with pytest.raises(TypeError, match="no option 'grace'"):
        await start_workers(1, store="sqlite:runs.db", grace=1)
    with pytest.raises(TypeError, match="Ray has no option 'num_cpu'"):
        await start_workers(1, store="sqlite:runs.db", num_cpu=1)
