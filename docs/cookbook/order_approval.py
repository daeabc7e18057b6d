"""An order whose payment somebody approves, charged once whatever happens.

From the shell, with the input in a file:
``trioflow run order_approval:order --input @order.json --store sqlite:runs.db``
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import trio
from attrs import field, frozen

from trioflow import Retry, StepContext, Workflow, open_engine, step
from trioflow.errors import AskTimeoutError, NonRetryableError


@frozen
class Order:
    items: list[str]
    cents: int


@frozen
class Approval:
    approved: bool
    by: str


class RefusedError(NonRetryableError):
    """The payment was refused."""


@frozen
class Bank:
    """A service that knows idempotency keys."""

    charges: dict[str, int] = field(factory=dict)

    async def charge(self, cents: int, key: str) -> str:
        self.charges.setdefault(key, cents)
        return f"receipt {len(self.charges)}"


@asynccontextmanager
async def open_bank() -> AsyncGenerator[Bank, None]:
    yield Bank()


@step
async def approve(order: Order, ctx: StepContext) -> Order:
    """Ask above 10.00; nobody answers for two days: refuse."""
    if order.cents > 1000:
        try:
            answer = await ctx.ask({"pay": order.cents}, Approval, timeout=timedelta(days=2))
        except AskTimeoutError as error:
            raise RefusedError("nobody answered") from error
        if not answer.approved:
            raise RefusedError(f"refused by {answer.by}")
    return order


@step(retry=Retry(attempts=5, delay=0.1, backoff=2, on=(OSError,)))
async def charge(order: Order, ctx: StepContext) -> str:
    bank = await ctx.resource("bank", Bank)
    return await bank.charge(order.cents, key=ctx.step_call_id)


order = Workflow("order", input=Order, output=str).then(approve).then(charge)


async def main() -> None:
    resources = {"bank": open_bank}
    async with open_engine(
        workflows=[order], store="sqlite:runs.db", resources=resources, recover=True
    ) as engine:
        run = await engine.start_once("order", Order(["lamp"], 4000), run_id="order-1")
        assert run is not None, "the order was delivered twice"
        print((await run.wait()).suspend_payload)
        print((await run.resume(Approval(approved=True, by="Ann"))).output)


if __name__ == "__main__":
    trio.run(main)
