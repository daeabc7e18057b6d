"""What bodies see and do in a process of this machine, they see and do on a cluster.

The tests of trioflow-process with its steps, in an engine whose runner "process" is one of Ray.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from trioflow_ray import RayRunner

from trioflow import Engine, open_engine

FOLDER = Path(__file__).parents[3] / "trioflow-process"
OTHERWISE = {
    "test_they_go_to_another_process_and_back": "workers of Ray do not end with the engine",
    "test_the_current_step_is_known_in_workers": "it has engines of its own",
}
FIXTURES = {"caplog", "capsys", "monkeypatch", "tmp_path"}
MODULES = ("context", "errors", "questions", "tools", "values", "waiting", "logs")


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module from which the tests of trioflow-process have their engine."""
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("process_steps.engines")


def make_runner() -> RayRunner:
    environment = {"env_vars": {"PYTHONPATH": ":".join(sys.path)}}
    return RayRunner(num_cpus=0.1, grace=1.0, runtime_env=environment)


def cases_of(name: str) -> Iterator[tuple[str, Callable[..., Awaitable[None]]]]:
    """Return the tests of a module that open an engine and are not parametrised."""
    path = FOLDER / "tests" / f"test_process_{name}.py"
    spec = importlib.util.spec_from_file_location(f"as_processes_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module)["ProcessRunner"] = lambda _: make_runner()
    for each, test in inspect.getmembers(module, inspect.iscoroutinefunction):
        source = inspect.getsource(test)
        opens = "open_workers()" in source or "ProcessRunner(1)" in source
        fixtures = inspect.signature(test).parameters
        fits = opens and fixtures.keys() <= FIXTURES and each not in OTHERWISE
        if each.startswith("test_") and fits:
            yield each, test


async def test_bodies_are_as_in_processes(
    cluster: Any, engines: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [engines.tools.shout, engines.tools.ask_boss, engines.tools.give_lock]
    runners = {"process": make_runner()}
    async with open_engine(plugins=[], runners=runners, tools=known) as engine:

        @asynccontextmanager
        async def open_workers() -> AsyncIterator[Engine]:
            yield engine

        monkeypatch.setattr(engines, "open_workers", open_workers)
        failed = {}
        passed = []
        for name in MODULES:
            for each, test in cases_of(name):
                wanted = inspect.signature(test).parameters
                fixtures = {fixture: request.getfixturevalue(fixture) for fixture in wanted}
                if "caplog" in fixtures:
                    fixtures["caplog"].clear()
                try:
                    await test(**fixtures)
                except Exception as exc:
                    failed[each] = repr(exc)
                else:
                    passed.append(each)
    assert failed == {}
    assert len(passed) > 15
