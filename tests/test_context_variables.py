"""Which context variables a body sees, and what becomes of those that it sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
import trio
import trio.testing

from trioflow import Retry, StepContext, Workflow, open_engine, step
from trioflow.abc import BodyInfo, Instrument
from trioflow.stores import MemoryStore

user: ContextVar[str] = ContextVar("user", default="nobody")
Flow = Workflow[Any, Any]


@step
async def see(value: Any) -> str:
    return user.get()


@step
def see_in_thread(value: Any) -> str:
    return user.get()


@step
async def ask_and_see(value: Any, ctx: StepContext) -> list[str]:
    seen = user.get()
    await ctx.ask("sure?", bool)
    return [seen, user.get()]


@pytest.fixture
def ada() -> Any:
    token = user.set("Ada")
    yield
    user.reset(token)


async def _as(name: str, call: Any) -> Any:
    token = user.set(name)
    try:
        return await call()
    finally:
        user.reset(token)


@pytest.mark.parametrize("body", [see, see_in_thread], ids=["inline", "thread"])
class TestABodySees:
    async def test_what_its_caller_has_set(self, body: Any) -> None:
        flow: Flow = Workflow("w").then(body)

        assert (await _as("Ada", flow.create_run().start)).output == "Ada"

    async def test_what_was_set_when_it_was_submitted(self, body: Any) -> None:
        flow: Flow = Workflow("w").then(body)
        async with open_engine(plugins=[]) as engine:

            async def submit() -> Any:
                return engine.submit(flow)

            run = await _as("Ada", submit)
            assert (await run.wait()).output == "Ada"


async def test_after_an_answer_it_sees_what_the_one_who_resumes_has_set() -> None:
    run = Workflow("w").then(ask_and_see).create_run()
    await _as("Ada", run.start)

    async def resume() -> Any:
        return await run.resume(True)

    assert (await _as("Eve", resume)).output == ["Eve", "Eve"]


async def test_after_a_crash_it_sees_what_was_set_when_the_engine_was_opened() -> None:
    flow: Flow = Workflow("w").then(ask_and_see).then(see)
    store = MemoryStore()
    async with open_engine(workflows=[flow], store=store, plugins=[]) as engine:

        async def submit() -> Any:
            return engine.submit(flow, run_id="r")

        await (await _as("Ada", submit)).wait()
    async with open_engine(store=store, plugins=[]) as engine:
        await engine.resume_run("r", True)  # left to an engine that knows the workflow

    async def recover() -> Any:
        options: Any = {"workflows": [flow], "store": store, "plugins": []}
        async with open_engine(**options, recover=True) as engine:
            return await (await engine.load_run("r")).wait()

    assert (await _as("Zoe", recover)).output == "Zoe"


class Incomparable:
    """A value that cannot be compared, like an array."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = object.__hash__


new: ContextVar[Any] = ContextVar("new")
"""A variable without a default, which nothing can set back to *unset* but its token."""


def look() -> tuple[str, Any]:
    return user.get(), new.get("unset")


def change() -> tuple[str, Any]:
    user.set("Eve")
    new.set(Incomparable())
    return look()


@step
async def changes(value: Any) -> str:
    return change()[0]


@step
async def changes_at_length(value: Any) -> str:
    change()
    await trio.lowlevel.checkpoint()
    return look()[0]


@step
def changes_in_thread(value: Any) -> str:
    return change()[0]


@step
async def sees(value: Any) -> list[Any]:
    return list(look())


@step
async def sees_later(value: Any) -> list[Any]:
    await trio.lowlevel.checkpoint()
    return list(look())


CHANGING = [changes, changes_at_length, changes_in_thread]


@pytest.mark.parametrize("body", CHANGING, ids=lambda body: body.id)
class TestWhatABodySetsEndsWithIt:
    async def test_for_later_steps_and_the_caller(self, body: Any, ada: None) -> None:
        token = new.set("mine")
        result = await Workflow("w").then(body).then(sees).then(sees_later).create_run().start()
        new.reset(token)  # of the same Context

        assert result.steps[body.id].output == "Eve"
        assert result.steps["sees"].output == result.output == ["Ada", "mine"]
        assert look() == ("Ada", "unset")

    async def test_for_variables_that_were_not_set_before(self, body: Any) -> None:
        result = await Workflow("w").then(body).then(sees).create_run().start()

        assert result.output == ["nobody", "unset"]
        assert look() == ("nobody", "unset")

    async def test_in_runs_of_an_engine(self, body: Any, ada: None) -> None:
        async with open_engine(plugins=[]) as engine:
            result = await engine.submit(Workflow("w").then(body).then(sees)).wait()

        assert result.output == ["Ada", "unset"]

    async def test_in_nested_workflows_arms_and_items(self, body: Any, ada: None) -> None:
        inner: Flow = Workflow("inner").then(body).then(sees)
        one, many = inner.clone("one"), inner.clone("many")
        after = sees.clone("after")
        flow: Flow = (
            Workflow("w")
            .then(inner)
            .map(lambda _: [1, 2])
            .foreach(one, concurrency=1)
            .map(lambda _: [1, 2])
            .foreach(many, concurrency=2)
            .parallel(body, sees)
            .then(after)
        )
        result = await flow.create_run().start()

        seen = ["Ada", "unset"]
        assert result.steps["inner"].output == seen
        assert result.steps["one"].output == result.steps["many"].output == [seen, seen]
        assert result.steps["sees"].output == seen
        assert result.output == seen

    async def test_around_instruments_with_variables_of_their_own(
        self, body: Any, ada: None
    ) -> None:
        instrument = Sets()
        inner: Flow = Workflow("inner").then(body).then(sees)
        flow: Flow = Workflow("w").then(inner).then(sees.clone("after"))
        async with open_engine(plugins=[], instruments=[instrument]) as engine:
            result = await engine.create_run(flow).start()

        assert result.steps["inner"].output == result.output == ["Ada", "unset"]
        assert instrument.entered == ["inner", f"inner.{body.id}", "inner.sees", "after"]
        assert instrument.exited == [f"inner.{body.id}", "inner.sees", "inner", "after"]
        assert level.get() == 0


level: ContextVar[int] = ContextVar("level", default=0)


class Sets(Instrument):
    """Sets a variable around each body, and resets it."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.exited: list[str] = []

    @contextmanager
    def around_body(self, body: BodyInfo) -> Iterator[None]:
        self.entered.append(body.step_id)
        token = level.set(level.get() + 1)
        yield
        level.reset(token)
        self.exited.append(body.step_id)


async def test_what_an_attempt_sets_ends_with_it() -> None:
    seen: list[Any] = []

    @step(retry=Retry(attempts=3))
    async def fails(value: Any) -> None:
        seen.append(look())
        change()
        raise OSError

    @step(fallback=lambda error: list(look()))
    async def fails_alone(value: Any) -> list[Any]:
        change()
        raise OSError

    flow: Flow = Workflow("w").then(fails_alone).then(fails)
    result = await flow.create_run().start()

    assert result.steps["fails_alone"].output == ["nobody", "unset"]
    assert seen == [("nobody", "unset")] * 3


async def test_what_a_canceled_body_sets_ends_with_it() -> None:
    @step
    async def hangs(value: Any) -> None:
        change()
        await trio.sleep_forever()

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            run = Workflow("w").then(hangs).create_run()
            nursery.start_soon(cancel_when_idle, scope)
            await run.start()

    assert scope.cancelled_caught
    assert look() == ("nobody", "unset")


async def cancel_when_idle(scope: trio.CancelScope) -> None:
    await trio.testing.wait_all_tasks_blocked()
    scope.cancel()


async def test_the_caller_keeps_a_token_that_it_resets_in_a_body() -> None:
    inside: Flow = Workflow("inside").then(changes).then(sees)

    @step
    async def runs(value: Any) -> list[Any]:
        token = user.set("Zoe")
        output = (await inside.create_run().start()).output
        user.reset(token)
        return [output, *look()]

    result = await Workflow("w").then(runs).then(sees).create_run().start()

    assert result.steps["runs"].output == [["Zoe", "unset"], "nobody", "unset"]
    assert result.output == ["nobody", "unset"]
