"""What `@tool` infers, and which calls of tools are accepted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, assert_type

from tests.type_tests.models import City, Forecast, chat, pack
from trioflow import StepContext, step, tool


@tool
async def records(where: City, limit: int = 10) -> list[dict[str, Any]]:
    return [{"city": where.name}] * limit


@tool
def count(text: str) -> int:
    return len(text)


@tool
def blocking_records(text: str) -> dict[str, Any]:
    return {"text": text}


@tool
async def numbers(up_to: int) -> AsyncGenerator[int, None]:
    for number in range(up_to):
        yield number


@tool
async def context_first(ctx: StepContext, text: str) -> str:
    return text + ctx.step_id


@tool
async def context_last(text: str, ctx: StepContext) -> str:
    return text + ctx.step_id


@tool
async def context_after_two(text: str, times: int, ctx: StepContext) -> str:
    return text * times + ctx.step_id


@tool
async def context_only(ctx: StepContext) -> str:
    return ctx.step_id


@tool
async def untyped(record: Any) -> str:
    return str(record)


@tool(id="shout", timeout=1.0)
async def with_options(text: str, loud: bool = True) -> str:
    return text.upper() if loud else text


@tool(id="count_all")
def blocking_with_options(text: str) -> int:
    return len(text)


@tool(id="numbers_to")
async def streaming_with_options(up_to: int) -> AsyncIterator[int]:
    yield up_to


def total(pieces: list[str]) -> int:
    return sum(map(len, pieces))


@tool(combine=total)
async def collected(text: str) -> AsyncIterator[str]:
    yield text


@tool(combine="".join)
async def joined(text: str) -> AsyncIterator[str]:
    yield text


@step
async def calls(forecast: Forecast, ctx: StepContext) -> None:
    assert_type(await ctx.call_tool(pack, forecast=forecast), list[str])
    assert_type(await ctx.call_tool(pack, forecast=forecast, days=2), list[str])
    assert_type(await ctx.call_tool(pack, forecast, 2), list[str])
    assert_type(await ctx.call_tool(records, where=City("Oslo")), list[dict[str, Any]])
    assert_type(await ctx.call_tool(count, text="a"), int)
    assert_type(await ctx.call_tool(blocking_records, text="a"), dict[str, Any])
    assert_type(await ctx.call_tool(chat, forecast=forecast), list[str])
    assert_type(await ctx.call_tool(numbers, up_to=3), list[int])
    assert_type(await ctx.call_tool(with_options, text="a", loud=False), str)
    assert_type(await ctx.call_tool(blocking_with_options, text="a"), int)
    assert_type(await ctx.call_tool(streaming_with_options, up_to=3), list[int])
    assert_type(await ctx.call_tool(collected, text="a"), int)
    text: str = await ctx.call_tool(joined, text="a")
    await ctx.write(text)
    assert_type(await ctx.call_tool("of_a_plugin", anything=1), Any)
    assert_type(await ctx.call_tool(untyped, record=forecast), str)
    # The caller leaves the context out.
    assert_type(await ctx.call_tool(context_first, text="a"), str)
    assert_type(await ctx.call_tool(context_last, text="a"), str)
    assert_type(await ctx.call_tool(context_after_two, text="a", times=2), str)
    assert_type(await ctx.call_tool(context_only), str)


# ---------------------------------------------------------------- rejected
@step
async def wrong_calls(forecast: Forecast, ctx: StepContext) -> None:
    await ctx.call_tool(pack, forecast="sunny")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await ctx.call_tool(pack, forecast=forecast, days="two")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await ctx.call_tool(pack, forecast=forecast, nights=2)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue]
    await ctx.call_tool(pack)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue]
    await ctx.call_tool(chat, forecast=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await ctx.call_tool(context_first, text=1)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue]
    await ctx.call_tool(with_options, text=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await ctx.call_tool(collected, text=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await ctx.call_tool(len, text="a")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await ctx.call_tool(pack, forecast=await ctx.call_tool(count, text="a"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def nothing_to_collect(text: str) -> str:
    return text


tool(combine=total)(nothing_to_collect)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

tool(timeouts=1.0)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
tool(combine=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
