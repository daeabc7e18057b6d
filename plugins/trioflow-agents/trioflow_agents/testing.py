"""The contract of models as a test: `check_model`."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import trio
from attrs import frozen

from trioflow_agents.errors import ModelError
from trioflow_agents.messages import Assistant, System, ToolAnswer, ToolRequest, User
from trioflow_agents.model import (
    ArgumentsDelta,
    Finish,
    Model,
    ModelRequest,
    Piece,
    ToolDescription,
    Usage,
)
from trioflow_agents.scripted import Scripted

OpenModel: TypeAlias = Callable[[Scripted], AbstractAsyncContextManager[Model]]
"""Takes a reply, and opens a model whose server gives that reply to each request."""

CALL = ToolRequest("call-1", "weather", '{"city": "Oslo", "days": 3}')
OTHER = ToolRequest("call-2", "add", '{"a": 1}')
SCHEMA = {"type": "object", "properties": {}}
REQUEST = ModelRequest(
    (
        System("Be brief."),
        User("How is Oslo?"),
        Assistant("", [CALL]),
        ToolAnswer("call-1", "weather", "rain"),
    ),
    (ToolDescription("weather", "the weather", SCHEMA), ToolDescription("add", "adds", SCHEMA)),
)


class ModelContractError(AssertionError):
    """Raised when a model does not do what `Model` promises."""


async def check_model(open_model: OpenModel, *, closes_within: float = 0.05) -> None:
    """Check that a model keeps the contract of `Model`, with a server that follows a script.

    It checks the order of the pieces, that arguments may be split anywhere, that leaving and
    canceling close the connection in time and leave nothing to the garbage collector, and that
    faults are `ModelError` with status and delay.

    Args:
      open_model: Opens a model, with a server that gives the `Scripted` reply: with its pauses, and
        with the HTTP status and the header ``retry-after`` of its ``error``.
      closes_within: Seconds in which leaving a stream must be over.

    Raises:
      ModelContractError: for the first promise that is not kept.
    """
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", ResourceWarning)
        await _check_replies(open_model)
        await _check_leaving(open_model, closes_within)
        await _check_faults(open_model)
        gc.collect()
    for warning in found:
        if issubclass(warning.category, ResourceWarning):
            raise ModelContractError(f"something was left open: {warning.message}")


async def _check_replies(open_model: OpenModel) -> None:
    usage = Usage(3, 10, requests=1)
    replies = [
        Scripted(["Hel", "lo ", "ä\U0001f600"], usage=usage),
        *(Scripted(["a"], [CALL, OTHER], usage=usage, piece=piece) for piece in (1, 3, 100)),
    ]
    for reply in replies:
        async with open_model(reply) as model:
            for _ in range(2):  # also with a connection that was used before
                _check_pieces(reply, await read_all(model))


async def read_all(model: Model) -> list[Piece]:
    """Return the pieces of a reply."""
    async with model.stream(REQUEST) as pieces:
        return [piece async for piece in pieces]


@frozen
class _Read:
    text: str
    calls: dict[tuple[str, str], str]

    @classmethod
    def of(cls, pieces: list[Piece]) -> _Read:
        calls: dict[tuple[str, str], str] = {}
        for piece in pieces:
            if isinstance(piece, ArgumentsDelta):
                key = (piece.call_id, piece.name)
                calls[key] = calls.get(key, "") + piece.delta
        return cls("".join(piece for piece in pieces if isinstance(piece, str)), calls)


def _check_pieces(reply: Scripted, pieces: list[Piece]) -> None:
    expected = _Read("".join(reply.text), {(c.id, c.name): c.arguments for c in reply.calls})
    read = _Read.of(pieces)
    _need(read == expected, f"the pieces say {read}, and the server said {expected}")
    _need(isinstance(pieces[-1], Finish), f"the last piece is {pieces[-1]!r}, and no Finish")
    _need(pieces[-2] == reply.usage, f"the piece before is {pieces[-2]!r}, not {reply.usage!r}")
    reason = "tool_calls" if reply.calls else "stop"
    _need(pieces[-1].reason == reason, f"it finished with {pieces[-1]!r}, not {reason!r}")  # type: ignore[union-attr]
    _need(
        sum(isinstance(piece, Finish | Usage) for piece in pieces) == 2,
        "there are several pieces of Usage or Finish",
    )


async def _check_leaving(open_model: OpenModel, closes_within: float) -> None:
    slow = Scripted(["a"] * 100, pause=0.05)
    for leave in (_break, _cancel, _cancel_before):
        async with open_model(slow) as model:
            began = await leave(model)
            took = trio.current_time() - began
            problem = f"{leave.__name__[1:]}: leaving took {took} s, not {closes_within}"
            _need(took <= closes_within, problem)


async def _break(model: Model) -> float:
    async with model.stream(REQUEST) as pieces:
        await anext(pieces)
        return trio.current_time()


async def _cancel(model: Model) -> float:
    began = 0.0
    with trio.CancelScope() as scope:
        async with model.stream(REQUEST) as pieces:
            async for _ in pieces:
                scope.cancel()
                began = trio.current_time()
    return began


async def _cancel_before(model: Model) -> float:
    with trio.CancelScope() as scope:
        scope.cancel()
        async with model.stream(REQUEST):
            pass
    return trio.current_time()


async def _check_faults(open_model: OpenModel) -> None:
    for status, retryable in ((429, True), (503, True), (400, False), (401, False)):
        error = ModelError("not now", status, retryable=retryable, retry_after=2.0)
        async with open_model(Scripted(error=error)) as model:
            found = await _fault_of(model)
        told = (found.status, found.retryable, found.retry_after)
        _need(told == (status, retryable, 2.0), f"for status {status} it raised {told}")


async def _fault_of(model: Model) -> ModelError:
    try:
        await read_all(model)
    except ModelError as exc:
        return exc
    except Exception as exc:
        raise ModelContractError(f"a fault is a {type(exc).__name__}, and no ModelError") from exc
    raise ModelContractError("a fault of the server is not raised")


def _need(kept: bool, problem: str) -> None:
    if not kept:
        raise ModelContractError(problem)
