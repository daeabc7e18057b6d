"""What can be said with ``trioflow run``: ids, whose run it is, state, limits, and a deadline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_support import Cli, command_line, hints, newest, project

FLOWS = """
import trio
from attrs import frozen

from trioflow import StepContext, Workflow, step


@frozen
class Count:
    total: int = 0


@step
async def count(value: object, ctx: StepContext) -> int:
    return ctx.state.total


tries = []


@step(limit="gpu")
async def fails_once(value: object) -> str:
    tries.append(value)
    if len(tries) == 1:
        raise OSError("busy")
    return "done"


@step(limit="gpu")
async def compute(value: int) -> int:
    busy.append(value)
    most.append(len(busy))
    await trio.testing.wait_all_tasks_blocked()
    busy.remove(value)
    return value


@step
async def peak(value: object) -> int:
    return max(most)


@step(resume=bool)
async def ask(value: object, ctx: StepContext) -> str:
    if ctx.resume_data is None:
        ctx.suspend("sure?")
    return "sure"


@step
async def fail(value: object) -> str:
    raise ValueError("no")


busy, most = [], []
counting = Workflow("counting", state=Count, output=int).then(count)
computing = Workflow("computing", input=list[int]).foreach(compute, concurrency=9).then(peak)
asking = Workflow("asking").then(ask)
failing = Workflow("failing").then(fail)
limited = Workflow("limited").then(fails_once)
sleeping = Workflow("sleeping").sleep(600)
"""
STORE = ("--store", "sqlite:runs.db")


@pytest.fixture
def cli(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cli]:
    (tmp_path / "flows.py").write_text(FLOWS)
    monkeypatch.syspath_prepend(tmp_path)
    with project(tmp_path):
        yield command_line(capfd)


def test_a_run_has_the_id_and_the_resource_that_were_given(cli: Cli) -> None:
    cli("run", "flows:asking", "--run-id", "daily-1", "--resource", "ann", *STORE)

    stored = newest(cli, *STORE)
    assert (stored["runId"], stored["resourceId"]) == ("daily-1", "ann")


def test_a_state_is_given_as_json(cli: Cli) -> None:
    done = cli("run", "flows:counting", "--state", '{"total": 7}')

    assert done.out.splitlines()[-1] == "7"
    refused = cli("run", "flows:counting", "--state", '{"totl": 7}')
    assert refused.code == 2
    assert "totl: unknown key" in refused.err


def test_a_limit_is_given_by_name(cli: Cli) -> None:
    done = cli("run", "flows:computing", "--input", "[1, 2, 3, 4, 5]", "--limit", "gpu=2")

    assert done.out.splitlines()[-1] == "2", done.err


def test_a_run_that_is_continued_keeps_its_limits(cli: Cli) -> None:
    limit = ("--limit", "gpu=1")
    failed = cli("run", "flows:limited", "--run-id", "r", *STORE, *limit)

    (command,) = hints(failed)
    assert command[:2] == ["retry", "r"]
    assert command[-2:] == ["--limit", "gpu=1"]
    again = cli(*command)
    assert (again.code, again.out.splitlines()[-1]) == (0, '"done"'), again.err
    assert "unknown limit 'gpu'" in cli("retry", "r", "--workflow", "flows:limited", *STORE).err
    for verb in (("resume", "r"), ("fork", "r", "fails_once"), ("recover",)):
        done = cli(*verb, "--workflow", "flows:limited", *STORE, *limit)
        assert "unknown limit" not in done.err


@pytest.mark.parametrize("limit", ["gpu", "gpu=", "gpu=0", "gpu=-1", "=2", "gpu=two"])
def test_what_is_no_limit_is_refused(cli: Cli, limit: str) -> None:
    done = cli("run", "flows:computing", "--input", "[]", "--limit", limit)

    assert done.code == 2
    assert f"--limit needs NAME=NUMBER, such as gpu=2, not {limit!r}" in done.err


@pytest.mark.parametrize("timeout", ["", "soon", "-1s", "1y", "1h2"])
def test_what_is_no_duration_is_refused(cli: Cli, timeout: str) -> None:
    done = cli("run", "flows:sleeping", f"--timeout={timeout}")

    assert done.code == 2
    assert f"--timeout: {timeout!r} is not a duration" in done.err


# ---------------------------------------------------------------- an id that is taken
def test_a_run_that_succeeded_is_reported_with_its_output(cli: Cli) -> None:
    command = ("run", "flows:counting", "--run-id", "daily", *STORE)
    assert cli(*command, "--state", '{"total": 7}').code == 0

    again = cli(*command)

    assert (again.code, again.out) == (0, "7\n")
    assert again.err == "trioflow: run daily already exists: success\n"
    assert cli("runs", *STORE).out.count("daily") == 1


def test_a_run_that_failed_is_reported_and_not_started_again(cli: Cli) -> None:
    command = ("run", "flows:failing", "--run-id", "daily", *STORE)
    assert cli(*command).code == 1

    again = cli(*command)

    assert again.code == 1
    assert "run daily already exists: failed\n" in again.err
    assert "ValueError: no" in again.err
    assert "to repeat what failed and reuse what succeeded:" in again.err


def test_a_run_that_waits_is_reported_with_what_resumes_it(cli: Cli) -> None:
    command = ("run", "flows:asking", "--run-id", "daily", *STORE)
    first = cli(*command)

    again = cli(*command)

    assert (first.code, again.code) == (3, 3)
    assert "run daily already exists: suspended\n" in again.err
    assert hints(again) == hints(first)


def test_a_run_that_is_new_every_time_needs_no_store(cli: Cli) -> None:
    assert cli("run", "flows:counting", "--run-id", "daily").code == 0
    assert cli("run", "flows:counting", "--run-id", "daily").code == 0


# ---------------------------------------------------------------- without a store
def test_a_suspended_run_without_a_store_is_lost_and_says_so(cli: Cli) -> None:
    done = cli("run", "flows:asking")

    assert done.code == 3
    assert done.err.endswith("trioflow: the run is lost; use --store to be able to resume runs\n")
    assert "lost" not in cli("run", "flows:asking", *STORE).err
    assert "lost" in cli("run", "flows:asking", "--store", "memory:").err


# ---------------------------------------------------------------- a deadline
def test_a_run_that_takes_too_long_fails(cli: Cli) -> None:
    done = cli("run", "flows:sleeping", "--timeout", "0.05", "--run-id", "late")

    problem = "workflow 'sleeping' of run late has not finished by its deadline"
    assert done.code == 1
    assert done.err == (
        f"trioflow: workflow 'sleeping' failed: {problem}; give it a longer timeout=\n"
    )
