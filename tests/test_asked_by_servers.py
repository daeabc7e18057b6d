"""What servers ask of an engine: one run's entry, one recovery, pauses, and who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from trioflow import StepContext, Workflow, hookimpl, open_engine, step
from trioflow.abc import AccessRequest, Authenticator, Principal, Store
from trioflow.context import MISSING
from trioflow.errors import InvalidIdError, NotResumableError, PluginHookError, UnknownRunError
from trioflow.stores import MemoryStore


@step
async def one(value: int) -> int:
    return value + 1


@step
async def ask(value: int, ctx: StepContext[Any]) -> int:
    if not ctx.resumed:
        ctx.suspend()
    return value


FLOW = Workflow("flow", input=int, output=int).then(one).then(ask)


@pytest.mark.parametrize("store", [None, MemoryStore()])
async def test_the_entry_of_one_run_is_the_one_of_the_list(store: Store | None) -> None:
    async with open_engine(plugins=[], workflows=[FLOW], store=store) as engine:
        run = engine.submit("flow", 1, run_id="r", resource_id="ada", tags=["t"])
        await run.wait()

        assert await engine.find_run_info("r") == (await engine.list_runs())[0]
        with pytest.raises(UnknownRunError):
            await engine.find_run_info("other")


@pytest.mark.parametrize("store", [None, MemoryStore()])
async def test_a_run_that_has_not_started_has_an_entry(store: Store | None) -> None:
    async with open_engine(plugins=[], workflows=[FLOW], store=store) as engine:
        run = engine.create_run("flow", run_id="r")
        info = await engine.find_run_info("r")

    assert (info.status, info.input, run.status) == ("pending", MISSING, "pending")


@pytest.mark.parametrize("store", [None, MemoryStore()])
async def test_a_submitted_run_may_pause_after_each_node(store: Store | None) -> None:
    async with open_engine(plugins=[], workflows=[FLOW], store=store) as engine:
        run = await engine.start_once("flow", 1, run_id="r", per_step=True)
        assert run is not None
        assert (await run.wait()).status == "paused"
        forked = await run.fork("one")
        engine.submit(forked, per_step=True)

        assert (await forked.wait()).status == "paused"


async def test_a_fork_may_have_tags_of_its_own() -> None:
    async with open_engine(plugins=[], workflows=[FLOW], store=MemoryStore()) as engine:
        run = engine.submit("flow", 1, tags=["old"])
        await run.wait()
        same, other, none = [await run.fork("ask", tags=tags) for tags in (None, ["new"], [])]
        for forked in (same, other, none):
            await engine.submit(forked).wait()

        assert [each.tags for each in (same, other, none)] == [("old",), ("new",), ()]
        assert [info.run_id for info in await engine.list_runs(tags=["new"])] == [other.run_id]
        with pytest.raises(InvalidIdError):
            await run.fork("ask", tags=[""])


async def test_one_interrupted_run_is_recovered() -> None:
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[FLOW], store=store) as engine:
        engine.submit("flow", 1, run_id="halted")
        await engine.drain(0)
    async with open_engine(plugins=[], workflows=[FLOW], store=store) as engine:
        run = await engine.recover_run("halted")

        assert (await run.wait()).status == "suspended"
        with pytest.raises(NotResumableError):
            await engine.recover_run("halted")
        with pytest.raises(UnknownRunError):
            await engine.recover_run("other")


class Everybody(Authenticator):
    async def principal(self, request: AccessRequest) -> Principal | None:
        return Principal(request.headers.get("user", "nobody"))


async def test_a_plugin_says_who_sends_requests() -> None:
    class Plugin:
        @hookimpl
        def trioflow_authenticator(self) -> Authenticator:
            return Everybody()

    async with open_engine(plugins=[Plugin()]) as engine:
        found = engine.authenticator
        assert found is not None
        principal = await found.principal(AccessRequest(method="GET", path="/"))

    assert principal == Principal("nobody")


async def test_what_is_no_authenticator_is_refused() -> None:
    class Plugin:
        @hookimpl
        def trioflow_authenticator(self) -> Any:
            return "everybody"

    async with open_engine(plugins=[Plugin()]) as engine:
        with pytest.raises(PluginHookError, match=r"which is not a Authenticator"):
            _ = engine.authenticator
    async with open_engine(plugins=[]) as engine:
        assert engine.authenticator is None


def test_a_principal_may_do_what_its_scopes_say() -> None:
    reader = Principal("r", scopes=("read",), resources=["acme"])
    admin = Principal("a", scopes=("admin",))

    assert reader.may("read")
    assert not reader.may("start")
    assert admin.may("start")
    assert [reader.sees(resource) for resource in ("acme", "other", None)] == [True, False, False]
    assert admin.sees(None)
