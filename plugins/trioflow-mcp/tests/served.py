"""Workflows and tools that the tests serve, in this process or by ``trioflow mcp served:NAME``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import trio
from attrs import field, frozen

from trioflow import StepContext, Workflow, step, tool

print("imported: this must not reach the client")


@frozen
class Order:
    item: str
    count: int = 1


@frozen
class Receipt:
    item: str
    total: float
    notes: list[str]


@frozen
class Approved:
    by: str


@frozen
class Refused:
    reason: str


@frozen
class Tree:
    name: str
    below: list[Tree] = field(factory=list)


@step
async def graft(tree: Tree) -> Tree:
    return Tree("root", [tree])


@step
async def do_nothing(_: None) -> None:
    pass


@step
async def price(order: Order, ctx: StepContext) -> Receipt:
    await ctx.write({"looking": order.item})
    return Receipt(order.item, order.count * 2.5, [])


@step
async def shout(text: str) -> str:
    return text.upper()


@step
async def ask_name(_: Any, ctx: StepContext) -> str:
    return f"hello {await ctx.ask('Who are you?', str)}"


@step
async def ask_approval(order: Order, ctx: StepContext) -> str:
    decision = await ctx.ask(order, Approved | Refused)
    return repr(decision)


@step
async def ask_order(_: Any, ctx: StepContext) -> Order:
    return await ctx.ask("What?", Order)


@step
async def ask_freely(_: Any, ctx: StepContext) -> Any:
    if not ctx.resumed:
        ctx.suspend({"anything": [1, 2]}, label="free")
    return ctx.resume_data


@step
async def hang(log: str) -> None:
    """Wait, and take a while to clean up."""
    note(log, "started")
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.2)
        note(log, "cleaned up")


@step
async def fail(text: str) -> None:
    raise RuntimeError(text)


@step
async def strange(_: Any) -> dict[str, Any]:
    return {"half": "\ud800", "infinite": float("inf"), "object": object}


@step
async def noise(_: Any) -> str:
    """Write to standard output in each way there is."""
    print("printed")
    sys.stdout.flush()
    os.write(1, b"written\n")
    await trio.run_process([sys.executable, "-S", "-c", "print('by a child')"], check=True)
    return "quiet"


@tool
async def double(number: Annotated[int, "what to double"]) -> int:
    """Double a number."""
    return 2 * number


def note(log: str, text: str) -> None:
    with Path(log).open("a") as file:
        file.write(text + "\n")


buy = Workflow("shop.buy", input=Order, output=Receipt, description="Buy something.").then(price)
loud = Workflow("loud", input=str, output=str).then(shout)
named = Workflow("named", input=object, output=str).then(ask_name)
approved = Workflow("approved", input=Order, output=str).then(ask_approval)
ordered = Workflow("ordered", input=object, output=Order).then(ask_order)
free = Workflow("free", input=object, output=Any).then(ask_freely)
hanging = Workflow("hanging", input=str, output=None).then(hang)
failing = Workflow("failing", input=str, output=None).then(fail)
odd = Workflow("odd", input=object, output=dict[str, Any]).then(strange)
noisy = Workflow("noisy", input=object, output=str).then(noise)
WORKFLOWS = (buy, loud, named, approved, ordered, free, hanging, failing, odd, noisy)
