"""What goes wrong in one run stays there, in engines with a store and without one.

The plugin trioflow-sql does the same on its databases, with `check_isolation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import trio

from trioflow.abc import Store
from trioflow.stores import MemoryStore
from trioflow.testing._isolation.bench import Bench
from trioflow.testing._isolation.code.bodies import BODIES
from trioflow.testing._isolation.code.functions import FUNCTIONS
from trioflow.testing._isolation.code.plugins import PLUGINS
from trioflow.testing._isolation.code.tools import TOOLS
from trioflow.testing._isolation.gifts.answering import ANSWERING
from trioflow.testing._isolation.gifts.starting import STARTING
from trioflow.testing._isolation.places.inputs import INPUTS
from trioflow.testing._isolation.places.outputs import OUTPUTS
from trioflow.testing._isolation.places.pieces import PIECES
from trioflow.testing._isolation.trials import try_codes, try_gifts, try_interrupts, try_places

MakeStore = Callable[[], Store] | None
LIMIT = 300.0
"""Seconds of real time that no trial takes."""


@pytest.fixture(params=["without a store", "in a store"])
def make_store(request: pytest.FixtureRequest) -> MakeStore:
    store = MemoryStore()
    return None if request.param == "without a store" else lambda: store


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["some", "all"])
def thorough(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def by_name(**tables: Mapping[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("table", tables.values(), ids=tables.keys())


@by_name(outputs=OUTPUTS, inputs=INPUTS, pieces=PIECES)
async def test_a_run_with_a_value_that_cannot_be_written_fails_alone(
    table: Any, make_store: MakeStore, thorough: bool
) -> None:
    with trio.fail_after(LIMIT):
        await try_places(Bench(make_store), table, thorough)


@by_name(starting=STARTING, answering=ANSWERING)
async def test_who_gives_a_value_that_cannot_be_written_is_refused(
    table: Any, make_store: MakeStore, thorough: bool
) -> None:
    with trio.fail_after(LIMIT):
        await try_gifts(Bench(make_store), table, thorough)


@by_name(bodies=BODIES, tools=TOOLS, functions=FUNCTIONS, plugins=PLUGINS)
async def test_a_run_whose_code_raises_fails_alone(
    table: Any, make_store: MakeStore, thorough: bool
) -> None:
    with trio.fail_after(LIMIT):
        await try_codes(Bench(make_store), table, thorough)


@by_name(bodies=BODIES, tools=TOOLS, functions=FUNCTIONS, plugins=PLUGINS)
async def test_an_interrupt_ends_the_program_and_no_run(
    table: Any, make_store: MakeStore, thorough: bool
) -> None:
    with trio.fail_after(LIMIT):
        await try_interrupts(partial(Bench, make_store), table, thorough)


async def test_chunks_that_are_not_written_may_be_anything() -> None:
    store = MemoryStore()
    bench = Bench(lambda: store, journal_chunks=False)

    async with bench.beside_a_bystander() as engine:
        workflow = bench.add(PIECES["a chunk"].build(bench.stage, bench.new(), object()))
        run = engine.create_run(workflow, run_id=workflow.id)
        await run.start()
        await bench.check(engine, run, workflow, "success")
