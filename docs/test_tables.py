"""The tables that decide an adoption: each row is tried."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
import trio

from trioflow import Engine, Run, StepContext, Workflow, hookimpl, open_engine, step
from trioflow.errors import (
    RunClaimedError,
    TrioflowError,
    UnreadableRunError,
    WorkflowChangedError,
)

DOCS = Path(__file__).parent


def table_in(page: str, head: str) -> list[dict[str, str]]:
    """Return the rows of the table of a page whose first column is *head*, by column."""
    lines = (DOCS / page).read_text("utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    names = [name.strip("`") for name in rows[0]]
    return [dict(zip(names, row, strict=True)) for row in rows[2:]]


# ---------------------------------------------------------------- what can be done in each status
@step
async def first(value: str) -> str:
    return value


@step
async def second(value: str, ctx: StepContext) -> str:
    if value == "fail":
        raise ValueError("failed")
    if value == "ask":
        return str(await ctx.ask("who?", str))
    if value == "hang":
        await trio.sleep_forever()
    return value


FLOW = Workflow("flow", input=str, output=str).then(first).then(second)


@attrs.define
class Bench:
    """A run in some status, and the engine that somebody uses on it."""

    engine: Engine
    run: Run[str, str] | None
    """None if it is only registered: such a run cannot be loaded."""

    async def loaded(self) -> Run[str, str]:
        return await self.engine.load_run("r") if self.run is None else self.run

    async def resume(self) -> None:
        run = await self.loaded()
        await (run.resume() if run.status == "paused" else run.resume("x"))

    async def retry(self) -> None:
        await (await self.loaded()).retry()

    async def fork(self) -> None:
        await (await self.loaded()).fork(second)


@asynccontextmanager
async def engine_on(folder: Path) -> AsyncIterator[Engine]:
    store = f"sqlite:{folder / 'runs.db'}"
    async with open_engine(plugins=["sql"], store=store, workflows=[FLOW]) as engine:
        yield engine


@asynccontextmanager
async def in_status(status: str, folder: Path) -> AsyncIterator[Bench]:
    """Make a run in a status of the table."""
    run: Run[str, str] | None
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(engine_on(folder))
        match status:
            case "`pending`":
                await engine.register_run(FLOW, run_id="r")
                run = None
            case "`running`, here" | "`running`, elsewhere":
                run = engine.submit(FLOW, "hang", run_id="r")
                await until_second(engine)
                if status.endswith("elsewhere"):
                    engine = await stack.enter_async_context(engine_on(folder))
                    run = await engine.load_run("r")
            case "`running`, interrupted":
                async with engine_on(folder) as dying:
                    dying.submit(FLOW, "hang", run_id="r")
                    await until_second(dying)
                run = await engine.load_run("r")
            case _:
                run = await finished(status.strip("`"), engine)
        yield Bench(engine, run)


async def until_second(engine: Engine) -> None:
    async with engine.observe("r") as stream:
        async for event in stream:
            if event.type == "step-start" and getattr(event, "id", "") == "second":
                return


async def finished(status: str, engine: Engine) -> Run[str, str]:
    run = engine.create_run(FLOW, run_id="r")
    value = {"suspended": "ask", "paused": "ok", "failed": "fail", "success": "ok"}
    if status == "canceled":
        run.cancel()
    await run.start(value.get(status, "ok"), per_step=status == "paused")
    assert run.status == status
    return run


OPERATIONS: dict[str, Callable[[Bench], Awaitable[object]]] = {
    "resume": Bench.resume,
    "recover": lambda bench: bench.engine.recover_run("r"),
    "retry": Bench.retry,
    "fork": Bench.fork,
    "cancel": lambda bench: bench.engine.cancel_run("r"),
    "send_event": lambda bench: bench.engine.send_event("r", "paid"),
    "delete": lambda bench: bench.engine.delete_run("r"),
}
LOCAL: dict[str, Callable[[Run[str, str]], object]] = {
    "cancel": lambda run: run.cancel(),
    "send_event": lambda run: run.send_event("paid"),
}


async def attempt(operation: str, status: str, folder: Path) -> str:
    """Try an operation on a run in a status, and return the word for what came of it."""
    async with in_status(status, folder) as bench:
        if operation in LOCAL and status.endswith("elsewhere"):
            with pytest.raises(RunClaimedError):
                LOCAL[operation](await bench.loaded())
        with trio.fail_after(20):
            try:
                await OPERATIONS[operation](bench)
            except TrioflowError:
                return "no"
        return "by the engine" if status.endswith("elsewhere") else "yes"


STATUS_ROWS = table_in("concepts/status.md", "status")


@pytest.mark.parametrize("row", STATUS_ROWS, ids=lambda row: row["status"].replace("`", ""))
async def test_what_can_be_done_in_each_status(row: dict[str, str], tmp_path: Path) -> None:
    for operation in OPERATIONS:
        folder = tmp_path / operation
        folder.mkdir()

        came_of_it = await attempt(operation, row["status"], folder)

        shown = row[operation].replace("*", "")
        assert shown.startswith(came_of_it), f"{operation}: {shown}, but {came_of_it}"


# ---------------------------------------------------------------- what may change while runs wait
@attrs.frozen
class Order:
    amount: int
    note: str = ""


@attrs.frozen
class WithDefault:
    amount: int
    note: str = ""
    currency: str = "EUR"


@attrs.frozen
class WithoutDefault:
    amount: int
    note: str
    currency: str


@attrs.frozen
class Renamed:
    amount: int
    remark: str = ""


@attrs.frozen
class Fewer:
    amount: int


@attrs.frozen
class Wider:
    amount: float | None
    note: str = ""


@attrs.frozen
class Narrower:
    amount: Literal[5, 6]
    note: str = ""


def flow_of(order: type, *, again: Callable[[int], int] = int, before: str = "read") -> Any:
    """Return a workflow whose run waits after a recorded step that gives *order*."""

    async def read(value: int) -> Any:
        return order(again(value))

    async def ask(value: Any, ctx: StepContext) -> str:
        return f"{value.amount} {await ctx.ask('ok?', str)}"

    flow = Workflow("changing", input=int, output=str).then(step(id=before, output=order)(read))
    return flow.then(step(id="ask", input=order)(ask))


async def also(value: str) -> str:
    return f"{value}, also"


class Upgrade:
    @hookimpl
    def trioflow_upgrade(
        self, type_name: str, data: Mapping[str, Any], recorded_version: int
    ) -> Mapping[str, Any] | None:
        if "note" not in data:
            return None
        return {"amount": data["amount"], "remark": data["note"]}


CHANGES: dict[str, Callable[[], tuple[Any, list[object]]]] = {
    "the body of a step": lambda: (flow_of(Order, again=lambda value: -value), []),
    "a node that no run has reached": lambda: (flow_of(Order).then(step(also)), []),
    "kind, order or id of a node": lambda: (flow_of(Order, before="load"), []),
    "a field removed": lambda: (flow_of(Fewer), []),
    "a field added, with a default": lambda: (flow_of(WithDefault), []),
    "a field added, without a default": lambda: (flow_of(WithoutDefault), []),
    "a field renamed": lambda: (flow_of(Renamed), []),
    "a wider type": lambda: (flow_of(Wider), []),
    "a narrower type": lambda: (flow_of(Narrower), []),
}
CHANGE_ROWS = table_in("howto/change.md", "change")


@pytest.mark.parametrize("row", CHANGE_ROWS, ids=lambda row: row["change"].replace("`", ""))
async def test_what_may_change_while_runs_wait(row: dict[str, str], tmp_path: Path) -> None:
    [make] = [make for what, make in CHANGES.items() if row["change"].startswith(what)]
    changed, hooks = make()

    ended = await continue_with(changed, hooks, tmp_path)

    shown = row["allowed?"]
    assert ended.startswith("5" if shown.startswith(("always", "yes", "if")) else "refused")
    if shown.startswith("only with `trioflow_upgrade`"):
        again = tmp_path / "again"
        again.mkdir()
        assert await continue_with(changed, [Upgrade()], again) == "5 yes"


async def continue_with(changed: Any, hooks: list[object], folder: Path) -> str:
    """Let a run wait, continue it with a changed workflow, and return what came of it."""
    store, old = f"sqlite:{folder / 'runs.db'}", flow_of(Order)
    async with open_engine(plugins=["sql"], store=store, workflows=[old]) as engine:
        await engine.create_run("changing", run_id="r").start(5)
    plugins = ["sql", *hooks]
    async with open_engine(plugins=plugins, store=store, workflows=[changed]) as engine:
        try:
            run = await engine.load_run("r")
            return str((await run.resume("yes")).unwrap())
        except (UnreadableRunError, WorkflowChangedError) as error:
            info = await engine.find_run_info("r")
            assert info.status == "suspended"  # as it was
            return f"refused: {error}"
