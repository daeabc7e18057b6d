"""The pytest plugin: its fixtures in async and other tests, and what it costs those without."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trioflow import Engine, StepContext, Workflow, events, open_engine, step
from trioflow.testing import BlockedLoopWarning, EventOrderError, Recorder, VirtualClock


@step
async def naps(value: int, ctx: StepContext) -> int:
    await trio.sleep(3600)
    await ctx.write(value)
    return value + 1


nap = Workflow("nap", input=int, output=int).then(naps)


@pytest.fixture
def trioflow_options() -> Mapping[str, Any]:
    return {"plugins": [], "workflows": [nap]}


# ---------------------------------------------------------------- in async tests
async def test_an_async_test_has_engine_recorder_and_clock(
    trioflow_engine: Engine, trioflow_recorder: Recorder, virtual_clock: VirtualClock
) -> None:
    result = await trioflow_engine.create_run("nap").start(1)

    assert result.unwrap() == 2
    assert trio.current_time() == virtual_clock.current_time() == 3600
    assert trioflow_recorder.types("naps") == [
        "step-start",
        "step-output",
        "step-result",
        "step-finish",
    ]


async def test_the_recorder_keeps_runs_apart(
    trioflow_engine: Engine, trioflow_recorder: Recorder, virtual_clock: VirtualClock
) -> None:
    async with trio.open_nursery() as nursery:
        for name in "ab":
            nursery.start_soon(trioflow_engine.create_run("nap", run_id=name).start, 1)

    trioflow_recorder.check(nap)
    assert set(trioflow_recorder.runs) == {"a", "b"}
    for name, seen in trioflow_recorder.runs.items():
        assert {event.run_id for event in seen} == {name}


async def test_runs_that_go_on_when_the_test_ends_are_canceled(trioflow_engine: Engine) -> None:
    trioflow_engine.submit("nap", 1)


async def test_runs_that_went_on_are_in_the_report_of_a_test_that_fails(
    request: pytest.FixtureRequest, trioflow_options: Mapping[str, Any]
) -> None:
    from trioflow.testing._pytest_plugin import trioflow_engine

    function = getattr(trioflow_engine, "__wrapped__")  # noqa: B009
    fixture = function(request, trioflow_options, Recorder(), 0.5)
    engine: Engine = await anext(fixture)
    engine.submit("nap", 1, run_id="r-1")
    await wait_all_tasks_blocked()
    with pytest.raises(trio.TooSlowError):
        await fixture.athrow(trio.TooSlowError())

    [(when, title, text)] = request.node._report_sections
    assert (when, title) == ("call", "runs still running")
    assert text.startswith("run r-1 of workflow 'nap': running\n")
    assert "in step 'naps' at 0\n    sleeps for another 3" in text


async def test_a_blocked_loop_is_a_warning(
    request: pytest.FixtureRequest, trioflow_options: Mapping[str, Any]
) -> None:
    @step
    async def blocks(value: int) -> int:
        time.sleep(0.4)  # noqa: ASYNC251 - this is what is warned of
        return value

    # What pytest does for a test that has the fixture.
    from trioflow.testing._pytest_plugin import trioflow_engine

    function = getattr(trioflow_engine, "__wrapped__")  # noqa: B009
    fixture = function(request, trioflow_options, Recorder(), 0.05)
    engine: Engine = await anext(fixture)
    await engine.create_run(Workflow("w").then(blocks)).start(1)
    with pytest.warns(BlockedLoopWarning, match="blocks"):
        await anext(fixture, None)


# ---------------------------------------------------------------- in other tests
def test_a_test_that_is_not_async_hands_them_on(
    trioflow_recorder: Recorder, virtual_clock: VirtualClock
) -> None:
    async def main() -> None:
        async with open_engine(plugins=[], instruments=[trioflow_recorder]) as engine:
            await engine.create_run(nap).start(1)

    trio.run(main, clock=virtual_clock)

    assert virtual_clock.current_time() == 3600
    assert trioflow_recorder.types()[0] == "start"


def test_the_recorder_finds_events_in_a_wrong_order() -> None:
    from trioflow.testing._pytest_plugin import trioflow_recorder

    place: dict[str, Any] = {"run_id": "a", "at": 0.0}
    fixture = getattr(trioflow_recorder, "__wrapped__")()  # noqa: B009
    recorder = next(fixture)
    recorder.on_event(events.Start(seq=0, workflow_id="w", input=None, **place))
    recorder.check()  # it has not ended
    recorder.on_event(events.Finish(seq=2, status="success", **place))

    with pytest.raises(EventOrderError, match="seq is 2"):
        recorder.check()
    with pytest.raises(EventOrderError, match="seq is 2"):
        next(fixture)  # what pytest does after a test


# ---------------------------------------------------------------- as a plugin of pytest
def pytest_on(path: Path, code: str, *options: str) -> str:
    """Run pytest on a file with this code, as another project would; return what it says."""
    (path / "test_it.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(
        command, cwd=path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout


WITHOUT_TRIO = """
import trio

def test_it(virtual_clock, trioflow_recorder):
    trio.run(trio.sleep, 60, clock=virtual_clock)
    assert virtual_clock.current_time() == 60
    assert trioflow_recorder.events == []
"""
IN_TRIO = """
import pytest
import trio

@pytest.mark.trio
async def test_it(trioflow_engine, virtual_clock):
    await trio.sleep(60)
    assert trio.current_time() == 60
    assert [plugin.name for plugin in trioflow_engine.plugins] == ["builtin"]
"""


def test_pytest_finds_the_plugin() -> None:
    [found] = [entry for entry in entry_points(group="pytest11") if entry.name == "trioflow"]

    assert found.value == "trioflow.testing._pytest_plugin"


@pytest.mark.slow  # each starts pytest anew
@pytest.mark.parametrize(
    ("code", "options", "says"),
    [
        (IN_TRIO, [], "1 passed"),
        (WITHOUT_TRIO, ["-p", "no:trio"], "1 passed"),
        (WITHOUT_TRIO, ["-p", "no:trioflow"], "fixture 'virtual_clock' not found"),
    ],
    ids=["with pytest-trio", "without pytest-trio", "turned off"],
)
def test_other_projects_have_the_fixtures(
    tmp_path: Path, code: str, options: list[str], says: str
) -> None:
    assert says in pytest_on(tmp_path, code, *options)


def test_the_plugin_imports_next_to_nothing() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import trioflow.testing._pytest_plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [
        "trioflow",
        "trioflow._lazy",
        "trioflow._public",
        "trioflow.testing",
        "trioflow.testing._pytest_plugin",
    ]
