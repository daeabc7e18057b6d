"""What agents say is shown while they say it, with what they ask for and what they use."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from rich.console import Console

from trioflow import Retry, StepContext, Workflow, step, tool
from trioflow import events as ev
from trioflow._cli.live import LiveDisplay
from trioflow._cli.rows import rows
from trioflow._cli.speech import LONGEST, Speech, usage_text
from trioflow._cli.view import RunView

from .flows import record

USED = {"type": "usage", "inputTokens": 1234, "outputTokens": 5, "cost": 0.00123}


def delta(name: str, text: str) -> dict[str, Any]:
    return {"type": "tool-call-delta", "toolCallId": "c", "toolName": name, "argsTextDelta": text}


def speaker(*pieces: Any) -> Workflow[Any, Any]:
    """Return a workflow whose streaming tool has its id, as the model of an agent has."""

    @tool(id="ag")
    async def ask() -> AsyncIterator[Any]:
        for piece in pieces:
            yield piece

    @tool
    async def inner(text: str) -> str:
        return text

    @tool
    async def look(text: str, ctx: StepContext) -> str:
        return str(await ctx.call_tool(inner, text=text))

    @step
    async def model(value: int, ctx: StepContext) -> int:
        await ctx.call_tool(ask)
        return value

    @step
    async def tools(value: int, ctx: StepContext) -> int:
        await ctx.call_tool(look, text="x")
        return value

    turn: Any = Workflow("turn", input=int).then(model).then(tools)
    return Workflow("ag", input=int).then(turn)


def lines_of(events: list[ev.Event], **options: Any) -> Iterator[tuple[str, str, str]]:
    speech = Speech(**options)
    for event in events:
        yield from ((line.kind, line.speaker, line.text) for line in speech.lines(event))


async def test_lines_are_told_when_they_are_complete() -> None:
    pieces = ["on", "e\ntw", {"type": "text-delta", "textDelta": "o"}, delta("look", "{}"), USED]
    events = await record(speaker(*pieces, {"type": "finish", "finishReason": "stop"}), 1)

    assert list(lines_of(events)) == [
        ("text", "ag", "one"),
        ("text", "ag", "two"),
        ("usage", "ag", "1,234 in, 5 out, cost 0.00123"),
    ]
    assert list(lines_of(events, with_calls=True))[3:] == [("call", "look", '{"text": "x"}')]


async def test_what_is_long_is_told_before_its_end() -> None:
    events = await record(speaker(*["x" * 100] * (LONGEST // 100 + 1)), 1)

    assert [len(text) for _, _, text in lines_of(events)] == [LONGEST + 100]


async def test_other_tools_do_not_speak() -> None:
    @tool(id="other")
    async def ask() -> AsyncIterator[str]:
        yield "one\n"

    assert list(lines_of(await record(Workflow("w", input=int).then(ask), 1))) == []


async def test_what_was_said_in_vain_is_named() -> None:
    attempt = 0

    @tool(id="ag")
    async def ask() -> AsyncIterator[str]:
        nonlocal attempt
        attempt += 1
        yield "half"
        if attempt == 1:
            raise OSError("gone")

    @step(retry=Retry(attempts=2))
    async def model(value: int, ctx: StepContext) -> int:
        await ctx.call_tool(ask)
        return value

    flow: Any = Workflow("ag", input=int).then(model)

    assert [text for _, _, text in lines_of(await record(flow, 1))] == [
        "half",
        "(said in vain: the request is repeated)",
        "half",
    ]


async def test_nothing_said_is_a_control_character() -> None:
    events = await record(speaker("\x1b[2J\u202eevil\n", "\x07"), 1)

    assert all(char.isprintable() for _, _, text in lines_of(events) for char in text)


async def test_the_tree_shows_arguments_that_are_written_and_what_was_used() -> None:
    pieces = ["hello", delta("look", '{"te'), delta("look", 'xt": "x"}'), USED]
    view = RunView()
    for event in await record(speaker(*pieces, {"type": "finish"}), 1):
        view.apply(event)

    shown = [(row.label, row.detail) for row in rows(view.root, 0.0)]

    assert ("hello", "") in shown
    assert ('look {"text": "x"}', "") in shown
    assert ("ag", "{}, 5 pieces, 1,234 in, 5 out, cost 0.00123") in shown


async def test_what_was_said_stays_above_the_tree() -> None:
    console = Console(file=io.StringIO(), width=80)
    display = LiveDisplay(None, console)
    events = await record(speaker("one\n", USED), 1)
    await display.recall(events[:1])
    for event in events[1:]:
        await display.show(event)

    assert console.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "one",
        "  ag: 1,234 in, 5 out, cost 0.00123",
        '↳ look  {"text": "x"}',
    ]


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        (None, ""),
        ({}, ""),
        ({"type": "other", "inputTokens": 1}, ""),
        ({"inputTokens": 1}, "1 in"),
        ({"inputTokens": "1", "cost": 12.0}, "cost 12"),
    ],
)
def test_usage_in_words(usage: Any, text: str) -> None:
    assert usage_text(usage) == text
