"""What may name a run, and what is refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows import add_one
from tests.suspending import Calls
from trioflow import Workflow, open_engine, step
from trioflow._ids import MAX_ID, MAX_TAGS
from trioflow.errors import DefinitionError, InvalidIdError, UnknownRunError
from trioflow.stores import MemoryStore

BAD = {
    "empty": ("", "is empty"),
    "NUL": ("a\0b", "contains NUL"),
    "half a character": ("a\ud800", "contains a lone surrogate"),
    "too long": ("x" * (MAX_ID + 1), "has 513 characters; at most 512 are allowed"),
    "bytes": (b"a", "is of type bytes, not a string"),
    "a number": (5, "is of type int, not a string"),
}
each_bad = pytest.mark.parametrize(("name", "problem"), BAD.values(), ids=BAD)
ODD = ["x" * MAX_ID, "😀/ä", "a\nb", "%_'; drop table runs; --", "../../etc", " ", "\x1b[2J"]


@each_bad
async def test_a_bad_run_id_is_refused_before_anything_runs(name: Any, problem: str) -> None:
    calls, store = Calls(), MemoryStore()
    flow = Workflow("w").then(calls.does())
    async with open_engine(plugins=[], store=store) as engine:
        for create in (engine.create_run, engine.submit):
            with pytest.raises(InvalidIdError) as caught:
                create(flow, run_id=name)
            assert problem in str(caught.value)
            assert str(caught.value).startswith("run id ")
        with pytest.raises(InvalidIdError):
            await engine.start_once(flow, run_id=name)
        with pytest.raises(InvalidIdError):
            flow.create_run(run_id=name)

    assert not calls.made
    assert await store.count_runs() == 0


@each_bad
async def test_so_is_a_bad_resource_id_or_tag(name: Any, problem: str) -> None:
    async with open_engine(plugins=[]) as engine:
        with pytest.raises(ValueError, match=problem):
            engine.submit(Workflow("w"), resource_id=name)
        with pytest.raises(InvalidIdError, match=problem):
            engine.submit(Workflow("w"), tags=["fine", name])
        assert await engine.count_runs() == 0


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ("one", "tags 'one' are not a collection"),
        (iter(["a"]), "are not a collection"),
        (["a"] * (MAX_TAGS + 1), "are 65; at most 64 are allowed"),
    ],
)
async def test_tags_are_a_collection_of_some(tags: Any, problem: str) -> None:
    async with open_engine(plugins=[]) as engine:
        with pytest.raises(InvalidIdError, match=problem):
            engine.create_run(Workflow("w"), tags=tags)


@each_bad
async def test_so_is_the_id_of_a_fork(name: Any, problem: str) -> None:
    run = Workflow("w", input=int, output=int).then(add_one).create_run()
    await run.start(1)

    with pytest.raises(InvalidIdError, match=problem):
        await (await run.fork("add_one", run_id=name)).start()


@pytest.mark.parametrize("run_id", ODD, ids=ascii)
async def test_an_odd_id_works_in_another_engine(run_id: str) -> None:
    store, flow = MemoryStore(), Workflow("w").then(Calls().asks())
    async with open_engine(plugins=[], store=store) as engine:
        await engine.submit(flow, run_id=run_id, resource_id=run_id, tags=[run_id]).wait()
    async with open_engine(plugins=[], store=store, workflows=[flow]) as engine:
        run = await engine.load_run(run_id)
        assert (run.run_id, run.resource_id, run.tags) == (run_id, run_id, (run_id,))
        assert (await run.resume(1)).status == "success"
        [listed] = await engine.list_runs(resource_id=run_id, tags=[run_id])
        assert listed.run_id == run_id
        with pytest.raises(UnknownRunError):
            await engine.load_run(f"{run_id}x")


def test_ids_of_definitions_are_bounded() -> None:
    Workflow("x" * MAX_ID)
    with pytest.raises(DefinitionError, match="its id has 513 characters; use at most 512"):
        Workflow("x" * (MAX_ID + 1))
    with pytest.raises(DefinitionError, match="its id has 513 characters"):
        step(id="x" * (MAX_ID + 1))(lambda: 1)
