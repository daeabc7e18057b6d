"""What models read of inputs and outputs: strings as they are, other values as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trioflow_agents import (
    Agent,
    Assistant,
    Scripted,
    ScriptedModel,
    ToolAnswer,
    ToolRequest,
    User,
    history,
)
from trioflow_agents.conversation import Turn, messages_of, to_keep

from trioflow import hookimpl, open_engine, tool

from .helping import asks

if TYPE_CHECKING:
    from cattrs import Converter


class Money:
    """A value of a class that only a plugin can write."""

    def __init__(self, cents: int) -> None:
        self.cents = cents


class Purse:
    @hookimpl
    def trioflow_converter(self, converter: Converter) -> None:
        converter.register_unstructure_hook(Money, lambda money: {"cents": money.cents})
        converter.register_structure_hook(Money, lambda value, _: value)

    @hookimpl
    def trioflow_schema(self, type_: Any) -> dict[str, Any] | None:
        return {"type": "object"} if type_ is Money else None


@tool
async def earn() -> list[Money]:
    """Return money."""
    return [Money(5)]


@tool
async def look_up() -> dict[str, Any]:
    """Return values of several types."""
    return {"at": datetime(2020, 1, 1, tzinfo=UTC), "raw": b"abc", "odd": float("inf")}


async def test_outputs_are_written_as_the_engine_writes_values() -> None:
    model = ScriptedModel(
        [Scripted(calls=[asks("c1", "earn"), asks("c2", "look_up")]), Scripted("done")]
    )
    agent: Any = Agent("ag", model=model, tools=[earn, look_up], input=Any)
    async with open_engine(plugins=["agents", Purse()], workflows=[agent]) as engine:
        run = engine.submit("ag", {"paid": Money(3)})
        assert (await run.wait()).unwrap() == "done"

    said, _, *answers, _ = history(run)
    assert said == User('{"paid": {"cents": 3}}')
    assert [json.loads(answer.content) for answer in answers if isinstance(answer, ToolAnswer)] == [
        [{"cents": 5}],
        {"at": "2020-01-01T00:00:00+00:00", "raw": "YWJj", "odd": "inf"},
    ]


def test_answers_are_read_however_they_were_kept() -> None:
    """Once the whole answer was kept; now only errors are, and the text of others."""
    request = ToolRequest("c", "earn", "{}")
    asked = Turn([Assistant("", [request, request, request])])
    failed = ToolAnswer("c", "earn", "no luck", is_error=True)
    whole = ToolAnswer("c", "earn", "5")
    kept = {"p#0": asked, "p#0.0": "5", "p#0.1": whole, "p#0.2": failed}

    assert list(messages_of(kept, "p"))[1:] == [whole, whole, failed]
    assert [to_keep(answer) for answer in (whole, failed)] == ["5", failed]
