"""What a step sees through its context."""

from __future__ import annotations

from typing import Any, assert_type

from attrs import frozen

from tests.type_tests.models import City, Forecast, fetch_forecast
from trioflow import RunContext, StepContext, step


@frozen
class Budget:
    spent: int
    limit: int | None = None


@step
async def reads(city: City, ctx: StepContext[Budget]) -> None:
    assert_type(ctx.run_id, str)
    assert_type(ctx.attempt, int)
    assert_type(ctx.state, Budget)
    assert_type(ctx.state.limit, int | None)
    assert_type(ctx.step_result(fetch_forecast), Forecast)
    assert_type(ctx.step_result(fetch_forecast, None), Forecast | None)
    assert_type(ctx.step_result("fetch_forecast"), Any)
    assert_type(await ctx.wait_for("approval", City), City)
    assert_type(await ctx.wait_for("approval", list[City], timeout=60), list[City])
    assert_type(await ctx.wait_for("approval", City | None), City | None)
    assert_type(await ctx.wait_for("approval"), Any)
    assert_type(await ctx.ask({"pay": 50}, bool), bool)
    assert_type(await ctx.ask("who?", City, label="boss", timeout=60), City)
    assert_type(await ctx.ask("who?", City | None), City | None)
    assert_type(await ctx.start_run("child", 1), str)
    ctx.set_state({"spent": 1})
    ctx.set_state(spent=1)
    await ctx.write({"progress": 0.5})


@step
async def untyped(city: City, ctx: StepContext) -> None:
    assert_type(ctx.state, Any)
    await helper(ctx)


@step
async def bails(city: City, ctx: StepContext[Budget]) -> str:
    await helper(ctx)
    ctx.bail("enough")  # nothing after it, and no return is missed


async def helper(ctx: StepContext) -> None:
    await ctx.write("from a helper")


def condition(city: City, ctx: RunContext[Budget]) -> bool:
    return ctx.state.spent > 0


# ---------------------------------------------------------------- rejected
@step
async def wrong(city: City, ctx: StepContext[Budget]) -> None:
    print(ctx.state.earned)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
    await ctx.wait_for(ctx.step_result(fetch_forecast))  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    ctx.write(1)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    ctx.run_id = "mine"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    await ctx.ask("sure?")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await ctx.wait_for(1)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    ctx.stop()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def no_step(city: City, ctx: RunContext) -> None:
    print(ctx.attempt)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]


# ---------------------------------------------------------------- resources, values, schemas
@step
async def uses(text: str, ctx: StepContext) -> str:
    found = await ctx.resource("city", City)
    assert_type(found, City)
    assert_type(await ctx.resource("anything"), Any)
    assert_type(ctx.structure({"name": text}, City), City)
    assert_type(ctx.json_schema(City), dict[str, Any])
    assert_type(ctx.to_json(City("Oslo")), Any)
    return found.name
