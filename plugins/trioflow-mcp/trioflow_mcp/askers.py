"""Which call a server's question belongs to.

The protocol has not said so before 2026: a question is a request of its own. Over HTTP it arrives
in the response to the call. Elsewhere it is certain only while a single call is running.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import mcp_types as types
import trio
from attrs import define, field

from trioflow_mcp.exchange import CallAgainError, Exchange

CALL = "trioflow/call"
"""The key in a request's metadata that says of which call it is."""
WITHDRAWAL = 0.5
"""Seconds that a server has to withdraw the question of a call that was canceled."""


@define(eq=False)
class Askers:
    """The calls of one connection."""

    calls: dict[str, Exchange] = field(factory=dict)
    """Those that are running."""
    one_at_a_time: bool = False
    """Whether calls wait for each other, since several have asked at the same time."""
    _turn: trio.Lock = field(factory=trio.Lock)
    _arrived_in: dict[types.RequestId, str] = field(factory=dict)
    _asking: int = 0
    _void: int = 0
    """How often the questions that waited became those of nobody."""
    _certain_at: float = -math.inf
    """When no question of a call can come any more that was left before, on Trio's clock."""
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)
    _numbers: int = 0

    @asynccontextmanager
    async def calling(self, exchange: Exchange) -> AsyncIterator[str]:
        """Have a call run in the block; yields the key of the call."""
        waits = self.one_at_a_time
        if waits:
            await self._turn.acquire()
        self._numbers += 1
        key = str(self._numbers)
        self.calls[key] = exchange
        self._changed.unpark_all()
        try:
            yield key
        finally:
            del self.calls[key]
            if exchange.may_have_asked:
                self._certain_at = trio.current_time() + WITHDRAWAL
            self._changed.unpark_all()
            if waits:
                self._turn.release()

    def note_request(self, sent: types.JSONRPCRequest, received: types.JSONRPCRequest) -> None:
        """Note that a question has arrived in the response to a request."""
        key = ((sent.params or {}).get("_meta") or {}).get(CALL)
        if received.method == "elicitation/create" and isinstance(key, str):
            self._arrived_in[received.id] = key

    async def find(self, request_id: types.RequestId) -> Exchange | None:
        """Return the call that asks; waits while that is uncertain. None if it is gone."""
        key = self._arrived_in.pop(request_id, None)
        if key is not None:
            return self.calls.get(key)
        void = self._void
        self._asking += 1
        try:
            while not await self._is_certain(void):
                pass
        finally:
            self._asking -= 1
        return next(iter(self.calls.values()), None) if void == self._void else None

    async def _is_certain(self, void: int) -> bool:
        """Wait until at most one call is running that can have asked, and none was left lately."""
        while len(self.calls) > 1 and void == self._void:
            if self._asking >= len(self.calls):
                self._begin_again()
                return True
            await self._changed.park()
        if trio.current_time() >= self._certain_at:
            return True
        await trio.sleep_until(self._certain_at)  # it may be the question of a call that was left
        return False

    def _begin_again(self) -> None:
        """All running calls ask, and nobody knows which question is whose."""
        self.one_at_a_time = True
        self._void += 1
        for exchange in self.calls.values():
            exchange.fail(CallAgainError())
        self._changed.unpark_all()
