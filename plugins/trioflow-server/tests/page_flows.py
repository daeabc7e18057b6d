"""Workflows that pages show: every kind of node, question, value and end."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any, Literal

import trio
import trioflow_agents as ta
from attrs import field, frozen

from trioflow import Retry, StepContext, Workflow, step, tool

logger = logging.getLogger("shop")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{7*7}}"


@frozen
class Line:
    """One line of an order."""

    article: str
    count: int = 1
    size: Literal["small", "large"] = "small"


@frozen
class Basket:
    """What is ordered, and for whom."""

    customer: Annotated[str, "Who pays."]
    lines: list[Line] = field(factory=lambda: [Line("tea")])
    express: bool = False
    note: str | None = None
    discount: Line | float | None = None


@frozen
class Verdict:
    """What the boss says."""

    approved: bool
    reason: str = ""


@step
async def check_stock(basket: Basket) -> Basket:
    """Look whether everything is there."""
    logger.warning("checking %d lines for %s", len(basket.lines), basket.customer)
    return basket


@tool
async def price_of(article: str, count: int) -> float:
    """Ask the price list."""
    return 2.5 * count


@step(retry=Retry(attempts=3, delay=0.05))
async def sum_up(basket: Basket, ctx: StepContext[Any]) -> float:
    """Sum up the prices of all lines."""
    if ctx.attempt == 1 and basket.customer != "patient":
        raise ConnectionError("the price list does not answer")
    prices = [
        await ctx.call_tool(price_of, article=line.article, count=line.count)
        for line in basket.lines
    ]
    return sum(prices)


@step
async def pick(basket: Basket) -> str:
    """Pick everything from the shelves."""
    return f"picked {len(basket.lines)} lines"


@step(resume=Verdict)
async def approve(parts: dict[str, Any], ctx: StepContext[Any]) -> str:
    """Ask the boss."""
    if not ctx.resumed:
        ctx.suspend(
            {"question": "May this leave the house?", "total": parts["sum_up"]}, label="boss"
        )
    verdict: Verdict = ctx.resume_data
    if not verdict.approved:
        raise PermissionError(f"refused: {verdict.reason or 'no reason'}")
    return "approved"


@step
async def ship(word: str) -> str:
    """Give it to the carrier."""
    logger.info("shipped")
    return f"shipped, {word}"


order = (
    Workflow("order", input=Basket, output=str, description="Takes an order through the house.")
    .then(check_stock)
    .parallel(sum_up, pick)
    .then(approve)
    .then(ship)
)


@step
async def wait_for_file(path: str) -> str:
    """Wait until a file is there."""
    while not await trio.Path(path).exists():  # noqa: ASYNC110 - another process makes it
        await trio.sleep(0.02)
    return path


@step
async def after(path: str) -> str:
    return f"saw {path}"


patience = (
    Workflow("patience", input=str, output=str, description="Waits for a file.")
    .then(wait_for_file)
    .then(after)
)


@step
async def fail_unless(path: str) -> str:
    """Work only if a file is there."""
    if not await trio.Path(path).exists():
        raise FileNotFoundError(f"there is no {trio.Path(path).name}")
    return "fine"


fragile = Workflow("fragile", input=str, output=str).then(fail_unless)


@step
async def once(number: int) -> int:
    return number


@step
async def twice(number: int) -> int:
    return 2 * number


@step
async def numbers(count: int) -> list[int]:
    return list(range(count))


many = (
    Workflow("many", input=int, output=list[int], description="Thousands of calls.")
    .then(numbers)
    .foreach(Workflow("pair", input=int, output=int).then(once).then(twice), concurrency=50)
)


@step
async def ask_all(names: list[str], ctx: StepContext[Any]) -> list[str]:
    """Ask two questions at the same time."""
    found: dict[str, str] = {}

    async def ask(name: str) -> None:
        found[name] = await ctx.ask({"who": name}, str, label=name)

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(ask, name)
    return [found[name] for name in names]


interview = Workflow("interview", input=list[str], output=list[str]).then(ask_all)


@step(resume=Verdict)
async def sign(number: int, ctx: StepContext[Any]) -> bool:
    if not ctx.resumed:
        ctx.suspend({"number": number})
    approved: bool = ctx.resume_data.approved
    return approved


signatures = Workflow("signatures", input=list[int], output=list[bool]).foreach(sign, concurrency=9)


@step
async def parcel_came(number: int, ctx: StepContext[Any]) -> str:
    text: str = ctx.resume_data
    return text


awaiting = Workflow("awaiting", input=int, output=str).wait_for_event("parcel", parcel_came)


@step(description=HOSTILE)
async def shout(value: Any) -> Any:
    logger.error("log: %s", value)
    if isinstance(value, dict) and value.get("raise"):
        raise ValueError(HOSTILE)
    return {HOSTILE: value}


@step
async def listen(number: int, ctx: StepContext[Any]) -> str:
    found: str = await ctx.wait_for("news", str)
    return found


listening = Workflow("listening", input=int, output=str).then(listen)
hostile = Workflow("hostile", description=HOSTILE).then(shout)


@tool(id="speaking")
async def say(number: int) -> AsyncIterator[Any]:
    """Say what the model of an agent says, in its pieces."""
    asks: dict[str, Any] = {"type": "tool-call-delta", "toolCallId": "c", "toolName": "look"}
    yield "It is "
    yield HOSTILE
    yield {**asks, "argsTextDelta": '{"where": '}
    yield {**asks, "argsTextDelta": '"here"}'}
    yield {"type": "usage", "inputTokens": 1234, "outputTokens": 5, "cost": 0.25}
    yield {"type": "finish", "finishReason": "tool_calls"}


@tool
async def look(where: str) -> str:
    return where


@step
async def model(number: int, ctx: StepContext[Any]) -> int:
    await ctx.wait_for("news", str)
    await ctx.call_tool(say, number=number)
    return number


@step
async def calls(number: int, ctx: StepContext[Any]) -> str:
    found: str = await ctx.call_tool(look, where="here")
    return found + await ctx.wait_for("end", str)


turn = Workflow("turn", input=int).then(model).then(calls)
speaking = Workflow("speaking", input=int, output=str).then(turn)


class Waiting(ta.Model):
    """A model whose second reply has a pause: it ends when the file exists that it is told.

    It begins when there is one whose name begins with `begin-`.
    """

    name = "waiting"

    @asynccontextmanager
    async def stream(self, request: ta.ModelRequest) -> AsyncIterator[AsyncIterator[ta.Piece]]:
        async with aclosing(self._pieces(request)) as pieces:
            yield pieces

    async def _pieces(self, request: ta.ModelRequest) -> AsyncGenerator[ta.Piece, None]:
        usage = ta.Usage(1234, 5, requests=1, cost=0.25)
        if not isinstance(request.messages[-1], ta.ToolAnswer):
            yield HOSTILE
            yield ta.ArgumentsDelta("c", "look", '{"where": "here"}')
            yield usage
            yield ta.Finish("tool_calls")
            return
        [file] = [m.content for m in request.messages if isinstance(m, ta.User)]
        assert isinstance(file, str)
        end = trio.Path(file)
        await _until_exists(end.with_name(f"begin-{end.name}"))
        yield "It is "
        await _until_exists(end)
        yield "over."
        yield usage
        yield ta.Finish()


async def _until_exists(file: trio.Path) -> None:
    while not await file.exists():  # noqa: ASYNC110  # made by another process
        await trio.sleep(0.02)


assistant = ta.Agent("assistant", model=Waiting(), tools=[look])

FLOWS = (
    order,
    patience,
    fragile,
    many,
    interview,
    signatures,
    awaiting,
    listening,
    hostile,
    speaking,
    assistant,
)
