"""A basket is priced: a plugin with steps, a streaming tool and a value type of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from attrs import frozen

from trioflow import Step, StepContext, Tool, Workflow, hookimpl, step, tool
from trioflow.errors import Fault, FaultsError

if TYPE_CHECKING:
    from cattrs import Converter


class Money:
    """An amount in cents, which JSON carries as a text such as ``"12.50"``."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __str__(self) -> str:
        return f"{self.cents // 100}.{self.cents % 100:02}"


@frozen
class Item:
    name: str
    price: Money
    count: int = 1


@frozen
class Basket:
    items: list[Item]


@tool(id="sample.lines")
async def lines(items: list[Item]) -> AsyncGenerator[str, None]:
    """Yield a line for each item."""
    for item in items:
        yield f"{item.count} x {item.name}"


@step(id="sample.total")
async def total(basket: Basket, ctx: StepContext) -> Money:
    """Add up what is in a basket."""
    await ctx.call_tool(lines, items=basket.items)
    return Money(sum(item.price.cents * item.count for item in basket.items))


priced = Workflow("sample.price", input=Basket, output=Money).then("sample.total")


def structure_money(value: Any, _: type[Money]) -> Money:
    """Return an amount: itself, or from its text."""
    if isinstance(value, Money):
        return value
    whole, point, cents = value.partition(".") if isinstance(value, str) else ("", "", "")
    if not (whole.isdecimal() and point and cents.isdecimal() and len(cents) == 2):
        raise FaultsError((Fault("", f"{value!r} is not an amount such as '12.50'"),))
    return Money(int(whole) * 100 + int(cents))


@hookimpl
def trioflow_steps() -> list[Step[Any, Any]]:
    return [total]


@hookimpl
def trioflow_tools() -> list[Tool[..., Any]]:
    return [lines]


@hookimpl
def trioflow_workflows() -> list[Workflow[Any, Any]]:
    return [priced]


@hookimpl
def trioflow_converter(converter: Converter) -> None:
    converter.register_structure_hook(Money, structure_money)
    converter.register_unstructure_hook(Money, str)


@hookimpl
def trioflow_schema(type_: Any) -> dict[str, Any] | None:
    return {"type": "string", "pattern": r"^\d+\.\d\d$"} if type_ is Money else None
