"""Workflows that the tests serve."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import trio
from attrs import frozen

from trioflow import StepContext, Workflow, step, tool
from trioflow.errors import Tripwire


@frozen
class Order:
    amount: int


@frozen
class Answer:
    approved: bool


@step
async def prepare(order: Order) -> str:
    """Say what it costs."""
    return f"Pay {order.amount}?"


@step(resume=Answer)
async def ask(question: str, ctx: StepContext[Any]) -> bool:
    if not ctx.resumed:
        ctx.suspend({"question": question}, label="boss")
    approved: bool = ctx.resume_data.approved
    return approved


@step
async def finish(approved: bool) -> str:
    return "paid" if approved else "refused"


approve = (
    Workflow("approve", input=Order, output=str, description="Waits for a yes or a no.")
    .then(prepare)
    .then(ask)
    .then(finish)
)


@step
async def double(number: int) -> int:
    return 2 * number


@step
async def boil(number: int) -> int:
    raise ValueError("the boiler burst")


@step
async def trip(number: int) -> int:
    raise Tripwire("not in this house", retry=True, metadata={"rule": 7}, processor_id="guard")


@step
async def linger(number: int) -> int:
    await trio.sleep_forever()
    return number


@step
async def write(number: int, ctx: StepContext[Any]) -> int:
    for index in range(number):
        await ctx.write({"line": index})
    return number


@step
async def take(number: int, ctx: StepContext[Any]) -> str:
    found: str = await ctx.wait_for("parcel", str)
    return found


@step
async def tell(number: int, ctx: StepContext[Any]) -> str:
    for index in range(number):
        await ctx.write({"line": index})
    found: str = await ctx.wait_for("parcel", str)
    await ctx.write({"line": found})
    return found


@frozen
class Tally:
    count: int = 0


@step
async def count_up(number: int, ctx: StepContext[Tally]) -> int:
    ctx.set_state(count=ctx.state.count + 1)
    return ctx.state.count + 1


@tool
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@tool
async def jam() -> int:
    raise RuntimeError("the press jammed")


@tool
async def count(to: int) -> AsyncIterator[int]:
    for number in range(to):
        yield number


doubled = Workflow("doubled", input=int, output=int).then(double)
broken = Workflow("broken", input=int, output=int).then(double).then(boil)
guarded = Workflow("guarded", input=int, output=int).then(trip)
slow = Workflow("slow", input=int, output=int).then(double).then(linger)
chatty = Workflow("chatty", input=int, output=int).then(write)
parcel = Workflow("parcel", input=int, output=str).then(take)
told = Workflow("told", input=int, output=str).then(tell)
tallied = (
    Workflow("tallied", input=int, output=int, state=Tally)
    .then(count_up)
    .then(count_up.clone("count_again"))
)

FLOWS = (approve, doubled, broken, guarded, slow, chatty, parcel, told, tallied)
TOOLS = (add, jam, count)
