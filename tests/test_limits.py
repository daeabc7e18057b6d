"""Limits: how many bodies run at the same time, and where the number comes from."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from trioflow import Limit, Step, StepContext, Workflow, hookimpl, open_engine, step, tool
from trioflow.errors import DefinitionError, UnknownNameError


@attrs.define
class Crowd:
    """How many bodies run, and how many ran at most."""

    now: int = 0
    most: int = 0

    def body(self, limit: str | Limit | None, id: str = "body") -> Step[Any, Any]:
        @step(id=id, limit=limit)
        async def body(value: Any) -> Any:
            self.now += 1
            self.most = max(self.most, self.now)
            await trio.sleep(1)
            self.now -= 1
            return value

        return body


def items(body: Step[Any, Any], id: str = "w") -> Workflow[Any, Any]:
    return Workflow[Any, Any](id, input=list).foreach(body, concurrency=10)


def plugin(*limits: Limit) -> Any:
    @hookimpl
    def trioflow_limits() -> list[Limit]:
        return list(limits)

    return SimpleNamespace(trioflow_limits=trioflow_limits)


async def most_at_once(limit: str | Limit, **options: Any) -> int:
    crowd = Crowd()
    async with open_engine(**{"plugins": [], **options}) as engine:
        runs = [engine.submit(items(crowd.body(limit)), list(range(10))) for _ in range(2)]
        for run in runs:
            assert (await run.wait()).status == "success"
    return crowd.most


async def test_a_limit_brings_its_number(autojump_clock: MockClock) -> None:
    assert await most_at_once(Limit("station", 3)) == 3


@pytest.mark.parametrize("given", [2, trio.CapacityLimiter(2)], ids=["number", "limiter"])
async def test_the_engine_overrules_it(given: Any, autojump_clock: MockClock) -> None:
    limits = {"station": given if isinstance(given, int) else trio.CapacityLimiter(2)}

    assert await most_at_once(Limit("station", 3), limits=limits) == 2
    assert await most_at_once("station", limits=limits) == 2


async def test_a_plugin_provides_one(autojump_clock: MockClock) -> None:
    plugins = [plugin(Limit("station", 4))]

    assert await most_at_once("station", plugins=plugins) == 4
    assert await most_at_once(Limit("station", 4), plugins=plugins) == 4
    assert await most_at_once("station", plugins=plugins, limits={"station": 1}) == 1


async def test_without_an_engine_it_belongs_to_one_event_loop() -> None:
    crowd = Crowd()
    workflow = items(crowd.body(Limit("station", 2)))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(workflow.run, [1, 2, 3])
            nursery.start_soon(workflow.run, [1, 2, 3])

    for _ in range(2):
        await trio.to_thread.run_sync(lambda: trio.run(main, clock=MockClock(autojump_threshold=0)))
    assert crowd.most == 2


async def test_unrelated_workflows_without_an_engine_may_use_one_name() -> None:
    for places in (1, 2):
        await items(Crowd().body(Limit("station", places))).run([])


async def test_a_step_may_name_the_limit_that_a_later_one_brings(
    autojump_clock: MockClock,
) -> None:
    crowd = Crowd()
    by_name, bringing = crowd.body("station", "a"), crowd.body(Limit("station", 1), "b")
    inner = Workflow("inner").then(bringing)

    await Workflow("w").parallel(by_name, inner).run(1)

    assert crowd.most == 1


async def test_tools_share_it(autojump_clock: MockClock) -> None:
    @tool(limit=Limit("station", 1))
    async def ask(text: str) -> str:
        await trio.sleep(1)
        return text

    @step(limit="station")
    async def asks(text: str, ctx: StepContext) -> str:
        return await ctx.call_tool(ask, text=text)

    async with open_engine(plugins=[], tools=[ask]) as engine:
        workflow = Workflow[Any, Any]("w").foreach(asks, concurrency=3)
        assert await engine.create_run(workflow).start(["a", "b"])
    assert trio.current_time() == 2


class TestConflicts:
    WHERE = "step 'b': limit 'station' has 2 places here, and 1 in step 'a'; use the same Limit"

    @staticmethod
    def both() -> Workflow[Any, Any]:
        crowd = Crowd()
        first = crowd.body(Limit("station", 1), "a")
        return Workflow[Any, Any]("w").then(first).then(crowd.body(Limit("station", 2), "b"))

    async def test_two_numbers_in_one_workflow(self) -> None:
        with pytest.raises(DefinitionError, match=self.WHERE):
            self.both().create_run()
        with pytest.raises(DefinitionError, match=self.WHERE):
            async with open_engine(plugins=[], workflows=[self.both()]):
                pass

    async def test_the_engine_settles_it(self, autojump_clock: MockClock) -> None:
        limits = {"station": 1}
        async with open_engine(plugins=[], workflows=[self.both()], limits=limits) as engine:
            assert (await engine.create_run("w").start(1)).status == "success"

    async def test_it_does_not_matter_to_workflows_that_use_neither(self) -> None:
        crowd = Crowd()
        steps = [crowd.body(Limit("station", places), f"s{places}") for places in (1, 2)]
        free = items(crowd.body(None))
        async with open_engine(plugins=[], steps=steps, workflows=[free]) as engine:
            assert (await engine.create_run("w").start([])).status == "success"
            with pytest.raises(DefinitionError, match="limit 'station' has 2 places here"):
                engine.create_run(items(crowd.body("station")))

    async def test_two_plugins(self) -> None:
        plugins = [plugin(Limit("station", 1)), plugin(Limit("station", 2))]
        with pytest.raises(DefinitionError, match="limit 'station' has 2 places here, and 1 in"):
            async with open_engine(plugins=plugins):
                pass


class TestRefusals:
    @pytest.mark.parametrize("places", [0, -1, 1.5, "2", True, None])
    def test_what_is_no_number_of_places(self, places: Any) -> None:
        with pytest.raises(DefinitionError, match=r"limit 'gpu': .* is not a number of places"):
            Limit("gpu", places)

    @pytest.mark.parametrize("name", ["", 5, None])
    def test_what_is_no_name(self, name: Any) -> None:
        with pytest.raises(DefinitionError, match="is not a valid name"):
            Limit(name, 1)

    def test_an_unknown_name_says_what_to_do(self) -> None:
        with pytest.raises(UnknownNameError, match=r"limit=Limit\(\"...\", 5\)"):
            items(Crowd().body("station")).create_run()


@pytest.mark.parametrize("copy", [lambda limit: limit, lambda x: pickle.loads(pickle.dumps(x))])
def test_it_is_a_value(copy: Callable[[Limit], Limit]) -> None:
    assert copy(Limit("a", 1)) == Limit("a", 1) != Limit("a", 2)
