"""The pytest plugin: fixtures for tests of workflows, including async tests with pytest-trio.

pytest loads it in every environment that has trioflow, so only pytest is imported here until a
fixture is used; ``-p no:trioflow`` turns it off. Only the async fixture ``trioflow_engine`` needs
pytest-trio.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from trioflow.engine import Engine
    from trioflow.testing._clock import VirtualClock
    from trioflow.testing._recorder import Recorder


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """A virtual clock that skips sleeps but waits for threads.

    An async test that requests it runs on it: ``trio.current_time()`` is 0 when the test begins.
    Other tests pass it on: ``trio.run(main, clock=virtual_clock)``. See
    `trioflow.testing.VirtualClock`.
    """
    from trioflow.testing._clock import VirtualClock

    return VirtualClock()


@pytest.fixture
def trioflow_recorder() -> Generator[Recorder, None, None]:
    """A `trioflow.testing.Recorder`, an instrument that keeps the events of all runs.

    The engine of ``trioflow_engine`` has it; pass it to other engines with
    ``open_engine(instruments=[trioflow_recorder])``. After the test, the events of each run
    that has finished or suspended must follow the grammar.
    """
    from trioflow.testing._recorder import Recorder

    recorder = Recorder()
    yield recorder
    recorder.check()


@pytest.fixture
def trioflow_options() -> Mapping[str, Any]:
    """The options of ``trioflow_engine``, as for `trioflow.open_engine`; by default no plugins.

    Define a fixture of this name in a test module or ``conftest.py`` to change them::

        @pytest.fixture
        def trioflow_options():
            return {"plugins": [my_plugin], "limits": {"api": 2}}
    """
    return {"plugins": []}


@pytest.fixture
def trioflow_block_seconds() -> float:
    """Seconds for which a task may block the event loop of ``trioflow_engine``: 0.5.

    Define a fixture of this name to change it. To turn the warnings off, configure pytest with
    ``filterwarnings = ignore::trioflow.testing.BlockedLoopWarning``.
    """
    return 0.5


@pytest.fixture
async def trioflow_engine(
    request: pytest.FixtureRequest,
    trioflow_options: Mapping[str, Any],
    trioflow_recorder: Recorder,
    trioflow_block_seconds: float,
) -> AsyncGenerator[Engine, None]:
    """An open engine with ``trioflow_options`` and ``trioflow_recorder``, for async tests.

    It is closed after the test, which cancels submitted runs that are still running. If the test
    fails, for example by a timeout, its report has a `trioflow.testing.dump` of them. A task that
    blocks the event loop for longer than ``trioflow_block_seconds`` causes a
    `trioflow.testing.BlockedLoopWarning`.
    """
    from trioflow.engine import open_engine
    from trioflow.instruments._tasks import dump
    from trioflow.run import run_of
    from trioflow.testing._blocks import warn_of_blocks

    with warn_of_blocks(trioflow_block_seconds) as watch:
        instruments = [*trioflow_options.get("instruments", ()), trioflow_recorder, watch]
        async with open_engine(**{**trioflow_options, "instruments": instruments}) as engine:
            try:
                yield engine
            finally:
                # Not list_runs(): if the test was canceled, nothing can be awaited here.
                running = [life for life in engine._runs.known() if life.is_driven_here]
                open_runs = "\n".join(dump(run_of(life)) for life in running)
                if open_runs:  # pytest shows it with failed tests
                    request.node.add_report_section("call", "runs still running", open_runs)
