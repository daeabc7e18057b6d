"""What agents say and use, as lines: read from the pieces of replies as they look on the wire.

The model of an agent is a streaming tool with the id of a workflow around it. Its pieces are
strings, or objects with a ``type``: ``text-delta``, ``tool-call-delta``, ``usage``, ``finish``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from trioflow import events as ev
from trioflow._cli.text import clean
from trioflow._cli.values import preview
from trioflow._numbers import is_number
from trioflow.wire._values import lenient_json

if TYPE_CHECKING:
    from cattrs import Converter

LONGEST = 2000
"""After so many characters, a line is shown before it is complete."""
COUNTED = {"inputTokens": "in", "outputTokens": "out"}


@attrs.frozen
class Line:
    """A line of what an agent says, which tool it calls, or what a turn has used."""

    kind: Literal["text", "call", "usage"]
    speaker: str
    text: str


@attrs.define
class Speech:
    """Makes lines of the pieces of one run: each line of text when it is complete."""

    converter: Converter | None = None
    with_calls: bool = False
    """Whether tool calls are lines as well."""
    _workflow: str = ""
    _rest: dict[str, str] = attrs.field(factory=dict)
    """The beginnings of lines, by the ids of tool calls."""
    _calls: dict[str, str] = attrs.field(factory=dict)
    """The tool calls that are open, by the addresses of their steps."""
    _turns: set[str] = attrs.field(factory=set)
    """The ids of workflows in which models have spoken."""

    def lines(self, event: ev.Event) -> Iterator[Line]:
        """Yield the lines that an event completes."""
        match event:
            case ev.Start():
                self._workflow = event.workflow_id
            case ev.ToolCallDelta() if self._speaks(event):
                self._calls[event.address] = event.tool_call_id
                self._turns.add(event.id.rpartition(".")[0])
                yield from self._of_piece(event)
            case ev.ToolCall() if self.with_calls and self._is_asked_for(event):
                self._calls[event.address] = event.tool_call_id
                yield Line("call", clean(event.name), preview(event.args))
            case ev.ToolResult() | ev.ToolError():
                yield from self._end(event)
            case ev.StepRetry() if event.address in self._calls:
                del self._calls[event.address]
                yield Line("text", clean(event.id), "(said in vain: the request is repeated)")

    def partial(self, tool_call_id: str) -> str:
        """Return the line that is not complete yet."""
        return self._rest.get(tool_call_id, "")

    def _speaks(self, event: ev.ToolEvent) -> bool:
        return event.name == self._workflow or f".{event.name}." in f".{event.id}"

    def _is_asked_for(self, event: ev.ToolCall) -> bool:
        """Return whether the model asked for a call, and not another tool."""
        is_inner = event.address in self._calls or self._speaks(event)
        return not is_inner and any(event.id.startswith(f"{turn}.") for turn in self._turns)

    def _of_piece(self, event: ev.ToolCallDelta) -> Iterator[Line]:
        name, piece = clean(event.name), wire_of(event.delta, self.converter)
        text = text_of(piece)
        if text:
            *whole, rest = (self.partial(event.tool_call_id) + text).split("\n")
            if len(rest) > LONGEST:
                whole, rest = [*whole, rest], ""
            self._rest[event.tool_call_id] = rest
            yield from (Line("text", name, clean(line)) for line in whole)
        used = usage_text(piece)
        if used:
            yield from self._flush(event)
            yield Line("usage", name, used)

    def _end(self, event: ev.ToolEvent) -> Iterator[Line]:
        yield from self._flush(event)
        is_retried = isinstance(event, ev.ToolError) and self._speaks(event)
        if not is_retried and self._calls.get(event.address) == event.tool_call_id:
            del self._calls[event.address]

    def _flush(self, event: ev.ToolEvent) -> Iterator[Line]:
        rest = self._rest.pop(event.tool_call_id, "")
        if rest:
            yield Line("text", clean(event.name), clean(rest))


def wire_of(piece: object, converter: Converter | None) -> Any:
    """Return a piece as it looks on the wire: strings as they are."""
    return piece if isinstance(piece, str) else lenient_json(piece, converter)


def text_of(piece: Any) -> str:
    """Return the text of a piece on the wire; an empty string if it is none."""
    if isinstance(piece, Mapping) and piece.get("type") == "text-delta":
        piece = piece.get("textDelta")
    return piece if isinstance(piece, str) else ""


def arguments_of(piece: Any) -> tuple[str, str] | None:
    """Return the name of a tool and a part of the arguments that the model writes for it."""
    if not isinstance(piece, Mapping) or piece.get("type") != "tool-call-delta":
        return None
    return str(piece.get("toolName", "")), str(piece.get("argsTextDelta", ""))


def is_silent(piece: Any) -> bool:
    """Return whether nothing is shown of a piece."""
    return isinstance(piece, Mapping) and piece.get("type") == "finish"


def usage_text(usage: Any) -> str:
    """Return what was used in words: ``"1,234 in, 56 out, cost 0.0012"``; empty if nothing was."""
    if not isinstance(usage, Mapping) or usage.get("type", "usage") != "usage":
        return ""
    counts = [
        f"{usage[key]:,} {word}" for key, word in COUNTED.items() if is_number(usage.get(key))
    ]
    cost = usage.get("cost")
    return ", ".join([*counts, f"cost {cost:.4g}"] if is_number(cost) else counts)
