"""Resources: opened once on first use by a task of the engine, closed by it in reverse order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trioflow import Retry, Step, StepContext, Workflow, hookimpl, open_engine, step
from trioflow.errors import (
    DefinitionError,
    DuplicateIdError,
    NotSerializableError,
    PluginHookError,
    ResourceTypeError,
    UnknownNameError,
)
from trioflow.runners import Resources
from trioflow.testing import assert_no_leaks, check_step

PLACE: ContextVar[str] = ContextVar("PLACE", default="nowhere")


class Client:
    """What steps share."""


class House:
    """Opens resources, and keeps the order of what happens to them."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.tasks: dict[str, trio.lowlevel.Task] = {}

    def opener(self, name: str, *, seconds: float = 0, value: Any = None) -> Callable[[], Any]:
        @asynccontextmanager
        async def open_it() -> AsyncGenerator[Any, None]:
            self.log.append(f"opening {name}")
            async with trio.open_nursery() as nursery:
                self.tasks[name] = trio.lowlevel.current_task()
                await trio.sleep(seconds)
                self.log.append(f"open {name}")
                try:
                    yield Client() if value is None else value
                finally:
                    assert trio.lowlevel.current_task() is self.tasks[name]
                    nursery.cancel_scope.cancel()
            await trio.lowlevel.checkpoint()  # it may wait while it is closed
            self.log.append(f"closed {name}")

        return open_it


def uses(name: str = "http", type_: Any = Client, **options: Any) -> Step[Any, Any]:
    @step(id="uses", **options)
    async def body(value: Any, ctx: StepContext) -> Any:
        return await ctx.resource(name, type_)

    return body


def flow(body: Step[Any, Any]) -> Workflow[Any, Any]:
    return Workflow[Any, Any]("w").then(body)


# ---------------------------------------------------------------- opening and closing
async def test_it_is_opened_once_however_many_ask(autojump_clock: MockClock) -> None:
    house = House()
    many = Workflow[Any, Any]("w").foreach(uses(), concurrency=5)
    async with open_engine(plugins=[], resources={"http": house.opener("http", seconds=1)}) as e:
        assert house.log == []
        first: Any = (await e.create_run(many).start(list(range(5)))).output
        second = await e.create_run(flow(uses())).start(1)

    assert len({id(client) for client in (*first, second.output)}) == 1
    assert house.log == ["opening http", "open http", "closed http"]


async def test_they_are_closed_in_the_reverse_order_after_the_last_run() -> None:
    house, seen = House(), []

    @step
    async def body(value: Any, ctx: StepContext) -> None:
        for name in "abc":
            await ctx.resource(name, Client)
        try:
            await trio.sleep_forever()
        finally:
            seen.append([entry for entry in house.log if "closed" in entry])

    async with open_engine(plugins=[], resources={n: house.opener(n) for n in "abc"}) as engine:
        engine.submit(flow(body))
        await wait_all_tasks_blocked()

    assert seen == [[]]
    assert house.log[-3:] == ["closed c", "closed b", "closed a"]


async def test_a_blocking_step_uses_one_from_its_thread() -> None:
    @step
    def body(value: Any, ctx: StepContext) -> Any:
        return trio.from_thread.run(ctx.resource, "http", Client)

    async with open_engine(plugins=[], resources={"http": House().opener("http")}) as engine:
        assert isinstance((await engine.create_run(flow(body)).start(1)).output, Client)


async def test_a_class_may_open_itself() -> None:
    class Pool:
        async def __aenter__(self) -> Pool:
            return self

        async def __aexit__(self, *exc_info: object) -> None: ...

    async with open_engine(plugins=[], resources={"pool": Pool}) as engine:
        assert isinstance((await engine.create_run(flow(uses("pool", Pool))).start(1)).output, Pool)


async def test_it_sees_the_context_variables_of_the_engine() -> None:
    @asynccontextmanager
    async def open_it() -> AsyncGenerator[str, None]:
        yield PLACE.get()

    @step
    async def body(value: Any, ctx: StepContext) -> str:
        PLACE.set("step")
        return await ctx.resource("place", str)

    PLACE.set("engine")
    async with open_engine(plugins=[], resources={"place": open_it}) as engine:
        assert (await engine.create_run(flow(body)).start(1)).output == "engine"


# ---------------------------------------------------------------- failures
async def test_a_failed_opening_fails_the_call_and_is_tried_again() -> None:
    failures = [OSError("refused"), OSError("refused again")]

    @asynccontextmanager
    async def open_it() -> AsyncGenerator[Client, None]:
        if failures:
            raise failures.pop(0)
        yield Client()

    async with open_engine(plugins=[], resources={"http": open_it}) as engine:
        failed = await engine.create_run(flow(uses())).start(1)
        retried = await engine.create_run(flow(uses(retry=Retry(2, on=(OSError,))))).start(1)

    assert str(failed.error) == "refused"
    assert (retried.status, retried.steps["uses"].attempts) == ("success", 2)


async def test_all_that_wait_hear_of_a_failed_opening(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def open_it() -> AsyncGenerator[Client, None]:
        await trio.sleep(1)
        raise OSError("refused")
        yield Client()

    many = Workflow[Any, Any]("w").foreach(uses(), concurrency=3, on_error="collect")
    async with open_engine(plugins=[], resources={"http": open_it}) as engine:
        result: Any = await engine.create_run(many).start([1, 2, 3])

    assert [str(failed.error) for failed in result.output] == ["refused"] * 3
    assert trio.current_time() == 1


async def test_what_closing_raises_is_logged_and_the_others_are_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()

    @asynccontextmanager
    async def open_bad() -> AsyncGenerator[Client, None]:
        yield Client()
        raise OSError("cannot close")

    @step
    async def body(value: Any, ctx: StepContext) -> None:
        await ctx.resource("good", Client)
        await ctx.resource("bad", Client)

    resources = {"good": house.opener("good"), "bad": open_bad}
    async with open_engine(plugins=[], resources=resources) as engine:
        assert (await engine.create_run(flow(body)).start(1)).status == "success"

    assert house.log[-1] == "closed good"
    assert [r.message for r in caplog.records] == ["closing resource 'bad' failed"]


async def test_one_that_breaks_while_it_is_open_is_opened_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    breaks = trio.Event()
    opened: list[int] = []

    @asynccontextmanager
    async def open_it() -> AsyncGenerator[Client, None]:
        async def heartbeat() -> None:
            await breaks.wait()
            raise OSError("connection lost")

        async with trio.open_nursery() as nursery:
            if not opened:
                nursery.start_soon(heartbeat)
            opened.append(1)
            yield Client()
            nursery.cancel_scope.cancel()

    async with open_engine(plugins=[], resources={"http": open_it}) as engine:
        first = await engine.create_run(flow(uses())).start(1)
        breaks.set()
        await wait_all_tasks_blocked()
        second = await engine.create_run(flow(uses())).start(1)

    assert first.output is not second.output
    assert [r.message for r in caplog.records] == ["keeping open resource 'http' failed"]


# ---------------------------------------------------------------- cancellation
async def test_who_is_canceled_while_it_opens_leaves_it_to_others(
    autojump_clock: MockClock,
) -> None:
    house = House()
    async with open_engine(plugins=[], resources={"http": house.opener("http", seconds=5)}) as e:
        impatient = e.submit(flow(uses(timeout=1)))
        patient = e.submit(flow(uses()))
        assert (await impatient.wait()).status == "failed"
        assert (await patient.wait()).status == "success"
    assert trio.current_time() == 5
    assert house.log == ["opening http", "open http", "closed http"]


async def test_leaving_the_engine_ends_an_opening(autojump_clock: MockClock) -> None:
    house = House()
    with assert_no_leaks():
        async with open_engine(
            plugins=[], resources={"http": house.opener("http", seconds=60)}
        ) as engine:
            run = engine.submit(flow(uses()))
            await trio.sleep(1)
    assert trio.current_time() == 1
    assert (await run.wait()).status == "canceled"
    assert house.log == ["opening http"]


async def test_what_the_block_raises_does_not_disturb_the_closing() -> None:
    house = House()
    with pytest.raises(KeyError):
        async with open_engine(plugins=[], resources={"http": house.opener("http")}) as engine:
            await engine.create_run(flow(uses())).start(1)
            raise KeyError
    assert house.log[-1] == "closed http"


async def test_the_clean_up_of_a_canceled_run_still_has_it(autojump_clock: MockClock) -> None:
    house, seen = House(), []

    @step
    async def body(value: Any, ctx: StepContext) -> None:
        await ctx.resource("http", Client)
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            seen.append(house.log[-1])

    with trio.move_on_after(1):
        async with open_engine(plugins=[], resources={"http": house.opener("http")}) as engine:
            await engine.submit(flow(body)).wait()

    assert seen == ["open http"]


async def test_a_closed_engine_opens_none() -> None:
    resources = Resources({"http": House().opener("http")})
    async with resources.open():
        pass
    with pytest.raises(trio.ClosedResourceError):
        await resources.get("http", Client, "step 'a'")


# ---------------------------------------------------------------- names and types
class TestRefusals:
    async def test_an_unknown_name(self) -> None:
        async with open_engine(plugins=[], resources={"http": House().opener("http")}) as engine:
            result = await engine.create_run(flow(uses("htp"))).start(1)
        without = await flow(uses()).create_run().start(1)

        assert isinstance(result.error, UnknownNameError)
        assert "step 'uses': unknown resource 'htp'; did you mean 'http'?" in str(result.error)
        assert "open_engine(resources={...})" in str(without.error)

    async def test_another_class(self) -> None:
        async with open_engine(plugins=[], resources={"http": House().opener("http")}) as engine:
            result = await engine.create_run(flow(uses(type_=str))).start(1)

        assert isinstance(result.error, ResourceTypeError)
        assert str(result.error).startswith(
            "step 'uses': resource 'http' is of type Client, not str; "
        )

    async def test_types_that_say_nothing_of_classes(self) -> None:
        class Speaks(Protocol):
            def speak(self) -> None: ...

        resources = {"http": House().opener("http")}
        async with open_engine(plugins=[], resources=resources) as engine:
            for type_ in (Speaks, int | None, Any):
                result = await engine.create_run(flow(uses(type_=type_))).start(1)
                assert result.status == "success"

    @pytest.mark.parametrize("wrong", [3, None, House().opener("x")()])
    async def test_what_cannot_open_one(self, wrong: Any) -> None:
        with pytest.raises(DefinitionError, match="pass the function itself, without calling it"):
            async with open_engine(plugins=[], resources={"http": wrong}):
                pass

    async def test_a_name_that_is_none(self) -> None:
        with pytest.raises(DefinitionError, match="its name is not a non-empty string"):
            async with open_engine(plugins=[], resources={"": Client}):  # type: ignore[dict-item]
                pass

    async def test_what_opens_no_context_manager(self) -> None:
        resources: Any = {"http": Client}
        async with open_engine(plugins=[], resources=resources) as engine:
            result = await engine.create_run(flow(uses())).start(1)

        assert "is not an async context manager" in str(result.error)

    async def test_what_no_store_can_keep_in_the_runtime_context(self) -> None:
        async with open_engine(plugins=[], store="memory:") as engine:
            with pytest.raises(NotSerializableError, match=r"open it as a resource, open_engine"):
                engine.submit(flow(uses()), runtime_context={"http": Client()})

    async def test_what_a_step_puts_there(self) -> None:
        @step
        async def puts(value: Any, ctx: StepContext) -> None:
            ctx.runtime_context["http"] = Client()

        async with open_engine(plugins=[], store="memory:") as engine:
            result = await engine.submit(flow(puts)).wait()
        assert "get it with ctx.resource()" in str(result.error)


# ---------------------------------------------------------------- plugins and tests
def plugin(resources: Any) -> Any:
    @hookimpl
    def trioflow_resources() -> Any:
        return resources

    return SimpleNamespace(trioflow_resources=trioflow_resources)


class TestPlugins:
    async def test_a_plugin_provides_one_and_the_engine_overrules_it(self) -> None:
        house = House()
        plugins = [plugin({"http": house.opener("of the plugin")})]
        async with open_engine(plugins=plugins) as engine:
            await engine.create_run(flow(uses())).start(1)
        given = {"http": house.opener("given")}
        async with open_engine(plugins=plugins, resources=given) as engine:
            await engine.create_run(flow(uses())).start(1)

        assert [e for e in house.log if e.startswith("open ")] == [
            "open of the plugin",
            "open given",
        ]

    async def test_two_of_one_name_are_refused(self) -> None:
        opener = House().opener("http")
        with pytest.raises(DuplicateIdError, match="also provides resource 'http'"):
            async with open_engine(plugins=[plugin({"http": opener}), plugin({"http": opener})]):
                pass

    @pytest.mark.parametrize("wrong", [[], {"http": 3}])
    async def test_what_is_no_mapping_of_functions(self, wrong: Any) -> None:
        with pytest.raises(PluginHookError, match="trioflow_resources raised"):
            async with open_engine(plugins=[plugin(wrong)]):
                pass


def test_a_step_with_a_resource_can_be_checked() -> None:
    @step
    async def asks(text: str, ctx: StepContext) -> str:
        return await ctx.resource("answer", str)

    check_step(asks, "x", resources={"answer": House().opener("answer", value="yes")})
