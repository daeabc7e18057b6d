"""`check_model` passes models that keep their promises, and names the first one that is broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import evolve
from trioflow_agents import Finish, Model, ModelRequest, Piece, Scripted, ScriptedModel, Usage
from trioflow_agents.testing import ModelContractError, check_model

PATIENCE = 5.0


class Wrapped(Model):
    """A model that changes what another one does."""

    name = "wrapped"

    def __init__(self, reply: Scripted) -> None:
        self._inner = ScriptedModel(lambda request: reply)

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Piece]]:
        async with self._inner.stream(request) as pieces:
            yield self.change(pieces)

    def change(self, pieces: Any) -> Any:
        return pieces


class WithoutEnd(Wrapped):
    async def change(self, pieces: Any) -> Any:
        async for piece in pieces:
            if not isinstance(piece, Finish):
                yield piece


class WithoutUsage(Wrapped):
    async def change(self, pieces: Any) -> Any:
        async for piece in pieces:
            if not isinstance(piece, Usage):
                yield piece


class WithOtherText(Wrapped):
    async def change(self, pieces: Any) -> Any:
        async for piece in pieces:
            yield piece.upper() if isinstance(piece, str) else piece


class WithTwoEnds(Wrapped):
    async def change(self, pieces: Any) -> Any:
        yield Finish("early")
        async for piece in pieces:
            yield piece


class WithOtherReason(Wrapped):
    async def change(self, pieces: Any) -> Any:
        async for piece in pieces:
            yield evolve(piece, reason="over") if isinstance(piece, Finish) else piece


class WithOtherErrors(Wrapped):
    async def change(self, pieces: Any) -> Any:
        try:
            async for piece in pieces:
                yield piece
        except Exception as exc:
            raise OSError("away") from exc


class WithoutErrors(Wrapped):
    async def change(self, pieces: Any) -> Any:
        try:
            async for piece in pieces:
                yield piece
        except Exception:
            return


class WithOtherStatus(Wrapped):
    async def change(self, pieces: Any) -> Any:
        try:
            async for piece in pieces:
                yield piece
        except Exception as exc:
            exc.status = 500  # type: ignore[attr-defined]
            raise


class SlowToLeave(Wrapped):
    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Piece]]:
        async with super().stream(request) as pieces:
            try:
                yield pieces
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(0.2)


def opening(make: Callable[[Scripted], Model]) -> Any:
    @asynccontextmanager
    async def open_model(reply: Scripted) -> AsyncIterator[Model]:
        yield make(reply)

    return open_model


async def test_a_scripted_model_keeps_the_contract() -> None:
    await check_model(opening(lambda reply: ScriptedModel(lambda _: reply)), closes_within=PATIENCE)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (WithoutEnd, "and no Finish"),
        (WithoutUsage, "the piece before is"),
        (WithOtherText, "the pieces say"),
        (WithTwoEnds, "there are several pieces"),
        (WithOtherReason, "it finished with"),
        (SlowToLeave, "leaving took"),
        (WithOtherErrors, "a fault is a OSError, and no ModelError"),
        (WithoutErrors, "a fault of the server is not raised"),
        (WithOtherStatus, r"for status 429 it raised \(500"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of generators that these leave open
async def test_a_broken_promise_is_named(model: type[Wrapped], problem: str) -> None:
    patience = 0.1 if model is SlowToLeave else PATIENCE
    with pytest.raises(ModelContractError, match=problem):
        await check_model(opening(model), closes_within=patience)


async def test_what_is_left_open_is_named() -> None:
    class Leaks(Wrapped):
        async def change(self, pieces: Any) -> Any:
            async for piece in pieces:
                yield piece

    with pytest.raises(ModelContractError, match="something was left open"):
        await check_model(opening(Leaks), closes_within=PATIENCE)
