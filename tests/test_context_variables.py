"""Which context variables a body sees, and what becomes of those that it sets."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import pytest

from trioflow import StepContext, Workflow, open_engine, step
from trioflow.stores import MemoryStore
from trioflow.testing import BodyContractError, check_step

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


async def test_what_a_thread_sets_ends_with_it() -> None:
    @step
    def set_in_thread(value: Any) -> str:
        user.set("Eve")
        return user.get()

    result = await Workflow("w").then(set_in_thread).then(see).create_run().start()

    assert result.steps["set_in_thread"].output == "Eve"
    assert result.output == "nobody"
    assert user.get() == "nobody"


async def test_what_an_async_body_resets_is_not_seen_after_it() -> None:
    @step
    async def set_and_reset(value: Any) -> str:
        token = user.set("Eve")
        try:
            return user.get()
        finally:
            user.reset(token)

    result = await Workflow("w").then(set_and_reset).then(see).create_run().start()

    assert result.steps["set_and_reset"].output == "Eve"
    assert result.output == "nobody"


def test_what_an_async_body_leaves_set_is_reported() -> None:
    @step
    async def leaves_set(value: int) -> int:
        user.set("Eve")
        return value

    with pytest.raises(BodyContractError, match="leaves context variables set"):
        check_step(leaves_set, 1)
