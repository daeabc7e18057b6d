"""A model that follows a script, for tests without a network."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TypeAlias

import trio
from attrs import define, field, frozen

from trioflow_agents.errors import ModelError
from trioflow_agents.messages import ToolRequest, calls_from
from trioflow_agents.model import (
    Finish,
    Model,
    ModelRequest,
    Piece,
    Prices,
    Usage,
)
from trioflow_agents.replies import Calls


def _pieces(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


SCRIPTED_USAGE = Usage(3, 10, requests=1)


@frozen
class Scripted:
    """One reply of a `ScriptedModel`."""

    text: tuple[str, ...] = field(default=(), converter=_pieces)
    """The pieces of text; a string is one piece."""
    calls: tuple[ToolRequest, ...] = field(default=(), converter=calls_from)
    usage: Usage = SCRIPTED_USAGE
    finish: str | None = None
    """Default: ``"tool_calls"`` if there are calls, otherwise ``"stop"``."""
    pause: float = 0.0
    """Seconds before each piece."""
    piece: int = 7
    """How many characters of arguments are in a piece."""
    error: ModelError | None = None
    """Raised after the pieces, in place of the end."""

    def written(self) -> Iterator[Piece]:
        """Yield the pieces of the reply."""
        yield from self.text
        calls = Calls()
        for index, call in enumerate(self.calls):
            # A call without arguments has one empty piece.
            for start in range(0, len(call.arguments) or 1, self.piece):
                part = call.arguments[start : start + self.piece]
                yield from calls.add(index, call.id, call.name, part)
        yield from calls.rest()
        if self.error is None:
            yield self.usage
            yield Finish(self.finish or ("tool_calls" if self.calls else "stop"), "scripted", None)


Reply: TypeAlias = Scripted | str | ToolRequest | ModelError
"""A reply, or what it consists of."""
Script: TypeAlias = Sequence[Reply] | Callable[[ModelRequest], Reply]


@define(eq=False)
class ScriptedModel(Model):
    """A model that replies as a script says::

        model = ScriptedModel([ToolRequest("c1", "weather", '{"city": "Oslo"}'), "It rains."])

    Args:
      script: The replies to the first request, the second, and so on. Or a function that returns
        the reply to a request, which also works if several runs or processes share the script.
    """

    script: Script
    requests: list[ModelRequest] = field(factory=list)
    """What the model was asked."""
    open_streams: int = 0
    """How many replies are being read."""
    name: str = "scripted"
    takes_schema: bool = True
    prices: Prices | None = None

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Piece]]:
        """Reply as the script says. See `Model.stream`."""
        await trio.lowlevel.checkpoint()
        self.requests.append(request)
        reply = _as_scripted(self._reply(request))
        self.open_streams += 1
        try:
            async with aclosing(_told(reply)) as pieces:
                yield pieces
        finally:
            self.open_streams -= 1

    def _reply(self, request: ModelRequest) -> Reply:
        if callable(self.script):
            return self.script(request)
        number = len(self.requests)
        if number > len(self.script):
            return ModelError(
                f"the script has {len(self.script)} replies; this is request {number}"
            )
        return self.script[number - 1]


async def _told(reply: Scripted) -> AsyncGenerator[Piece, None]:
    for piece in reply.written():
        await trio.sleep(reply.pause)
        yield piece
    if reply.error is not None:
        raise reply.error


def _as_scripted(reply: Reply) -> Scripted:
    match reply:
        case str():
            return Scripted(reply)
        case ToolRequest():
            return Scripted(calls=(reply,))
        case ModelError():
            return Scripted(error=reply)
    return reply
