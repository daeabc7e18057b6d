"""A workflow that says nothing about where it runs."""

from __future__ import annotations

import attrs

from trioflow import Retry, StepContext, Workflow, step


@attrs.frozen
class Order:
    name: str
    amounts: tuple[int, ...]
    scan: bytes = b""


@attrs.frozen
class Shop:
    shipped: str = ""


@step(runner="work")
def check(order: Order) -> list[int]:
    return [*order.amounts, len(order.scan)]


@step(runner="work", retry=Retry(attempts=2, on=(OSError,)))
def price(amount: int, ctx: StepContext) -> int:
    if ctx.attempt == 1 and amount % 2:
        raise OSError(f"no price for {amount} yet")
    return amount * 10


@step(runner="work")
def total(prices: list[int]) -> int:
    return sum(prices)


@step(runner="work")
def tax(amount: int) -> float:
    return amount / 4


@step(runner="work", fallback=lambda error: f"later: {error}")
def carrier(amount: int) -> str:
    if amount > 100:
        raise ValueError(f"{amount} is too heavy")
    return "post"


@step(runner="work")
def ship(terms: dict[str, object], ctx: StepContext[Shop]) -> str:
    ctx.set_state(shipped=f"{terms['carrier']}")
    return f"{terms['tax']} by {terms['carrier']}"


priced = Workflow("priced", input=list[int], output=int).foreach(price, concurrency=3).then(total)
orders = (
    Workflow("orders", input=Order, output=str, state=Shop)
    .then(check)
    .then(priced)
    .parallel(tax, carrier)
    .then(ship)
)
ORDERS = [Order(name, tuple(range(size)), b"x" * size) for size, name in enumerate("abcdef")]
