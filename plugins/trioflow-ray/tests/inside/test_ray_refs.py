"""Values that stay on the cluster."""

from __future__ import annotations

from typing import Any

import pytest
import trioflow_ray
from ray_steps import large
from trioflow_ray import RayRunner, Ref, RefLostError

from trioflow import Workflow, open_engine
from trioflow.runners.remote import NotInWorkerError, NotPicklableError
from trioflow.stores import MemoryStore

from .conftest import Opening
from .flows import flow

SIZE = 1_000_000


async def test_values_pass_from_body_to_body(
    open_ray: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "trioflow_ray")
    pair = large.Pair("a", Ref(b"abc"))
    async with open_ray() as engine:
        made: Ref[bytes] = await engine.run(flow(large.make), SIZE)
        passed: Ref[bytes] = await engine.run(flow(large.pass_on, large.pass_on), made)
        seen = await engine.run(flow(large.measure), passed)
        pairs = [large.Pair("b", made), pair, large.Pair("c", made)]
        lengths = await engine.run(flow(large.measure_all), pairs)
        here = await engine.run(flow(large.measure_here), made)
        nothing = await engine.run(flow(large.make_or_not), 0)
        something = await engine.run(flow(large.make_or_not), 10)
        assert "copying" in caplog.text
        assert something.get() == b"x" * 10

    assert passed is made
    assert made.size is not None
    assert SIZE <= made.size < SIZE + 100
    assert here == seen == [SIZE, made.size, "make"]
    assert lengths == [SIZE, 3, SIZE]
    assert nothing is None
    with pytest.raises(RefLostError):  # with its engine
        made.get()


async def test_a_new_ref_is_the_output_and_nothing_else(open_ray: Opening) -> None:
    async with open_ray() as engine:
        errors = [
            (await engine.create_run(flow(*steps)).start(10)).error
            for steps in (
                [large.make_two],
                [large.write_new],
                [large.make_lock],
                [large.make, large.measure, large.look_back],
            )
        ]

    two, written, lock, back = errors
    assert isinstance(two, NotPicklableError)
    assert "annotated with -> Ref[...]" in str(two)
    assert isinstance(written, NotPicklableError)
    assert isinstance(lock, NotPicklableError)
    assert "value of the Ref of step 'make_lock' cannot be sent" in str(lock)
    assert isinstance(back, NotInWorkerError)


async def test_a_journal_finds_values_while_the_engine_is_open(cluster: Any) -> None:
    store = MemoryStore()
    steps: Workflow[Any, Any] = flow(large.make, large.ask, large.measure_again)

    def opening() -> Any:
        runners = {"ray": RayRunner(cluster.address)}
        return open_engine(plugins=[trioflow_ray], runners=runners, store=store, workflows=[steps])

    async with opening() as engine:
        for id in ("a", "b"):
            run = engine.create_run(steps, run_id=id)
            assert (await run.start(SIZE)).status == "suspended"
        loaded = await engine.load_run("a")
        assert (await loaded.resume(True)).unwrap()[0] == SIZE
    async with opening() as engine:
        loaded = await engine.load_run("b")
        lost = await loaded.resume(True)
        again = await (await loaded.fork("make", input_data=SIZE)).start()
        assert again.status == "suspended"

    assert isinstance(lost.error, RefLostError)
    assert lost.error.step == "make"
    assert lost.steps["measure_again"].attempts == 1
