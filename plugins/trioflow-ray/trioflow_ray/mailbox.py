"""The actor through which bodies reach their runs.

All traffic is Ray's own. The actor lies on the node of the engine, which asks it for messages with
one call at a time that takes all there are.
"""

from __future__ import annotations

import asyncio
from typing import Any

Letter = tuple[int, int, Any, bytes]
"""The number of a call, that of the message in the call, the message, and its content. Ray does not
promise that calls of an actor with several at a time begin in the order in which they are made."""
Reply = tuple[int, Any, bytes]
"""The number of a call, an answer, and its content."""


class Mailbox:
    """Keeps messages of bodies until the engine takes them, and answers until they are there."""

    def __init__(self) -> None:
        self._letters: list[Letter] = []
        self._filled = asyncio.Event()
        self._waiting: dict[tuple[int, int], asyncio.Future[tuple[Any, bytes]]] = {}

    async def ask(self, call: int, number: int, message: Any, content: bytes) -> tuple[Any, bytes]:
        """Bring a request to the engine, and return its answer with the content."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting[call, message.id] = answer
        self._put((call, number, message, content))
        result: tuple[Any, bytes] = await answer
        return result

    async def tell(self, call: int, number: int, message: Any, content: bytes) -> None:
        """Bring a message to the engine that has no answer."""
        self._put((call, number, message, content))

    def _put(self, letter: Letter) -> None:
        self._letters.append(letter)
        self._filled.set()

    async def take(self) -> list[Letter]:
        """Wait for messages, and return all there are, in the order in which they came."""
        await self._filled.wait()
        self._filled.clear()
        taken, self._letters = self._letters, []
        return taken

    async def answer(self, answers: list[Reply]) -> None:
        """Bring answers to the bodies that wait for them."""
        for call, message, content in answers:
            waiting = self._waiting.pop((call, message.id), None)
            if waiting is not None and not waiting.done():
                waiting.set_result((message, content))

    async def forget(self, call: int) -> None:
        """Drop what a body that has ended has asked."""
        for key in [key for key in self._waiting if key[0] == call]:
            self._waiting.pop(key).cancel()
