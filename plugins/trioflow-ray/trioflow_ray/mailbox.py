"""The actor through which bodies reach their runs.

All traffic is Ray's own. The actor lies on the node of the engine, with which it exchanges answers
for messages in one call at a time. Everything is numbers and bytes, in lists: Ray passes objects of
any other class, even tuples, through a pickler that takes longer than the call itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

Letter = list[Any]
"""The number of a call, that of the message in the call, the message, pickled, and its content. Ray
does not promise that calls of an actor with several at a time begin in the order in which they are
made."""
Reply = list[Any]
"""The number of a call, the id of its request, the answer, pickled, and its content."""


class Mailbox:
    """Keeps messages of bodies until the engine takes them, and answers until they are there."""

    def __init__(self) -> None:
        self._letters: list[Letter] = []
        self._filled = asyncio.Event()
        self._waiting: dict[tuple[int, int], asyncio.Future[list[bytes]]] = {}

    async def ask(
        self, call: int, number: int, id: int, message: bytes, content: bytes
    ) -> list[bytes]:
        """Bring a request to the engine, and return its answer, pickled, with the content."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting[call, id] = answer
        self._put([call, number, message, content])
        result: list[bytes] = await answer
        return result

    async def tell(self, call: int, number: int, message: bytes, content: bytes) -> None:
        """Bring a message to the engine that has no answer."""
        self._put([call, number, message, content])

    def _put(self, letter: Letter) -> None:
        self._letters.append(letter)
        self._filled.set()

    async def exchange(self, answers: list[Reply]) -> list[Letter]:
        """Bring answers, then wait for messages, and return all there are, in the order in which
        they came."""
        await self.answer(answers)
        await self._filled.wait()
        self._filled.clear()
        taken, self._letters = self._letters, []
        return taken

    async def answer(self, answers: list[Reply]) -> None:
        """Bring answers to the bodies that wait for them."""
        for call, id, message, content in answers:
            waiting = self._waiting.pop((call, id), None)
            if waiting is not None and not waiting.done():
                waiting.set_result([message, content])

    async def forget(self, call: int) -> None:
        """Drop what a body that has ended has asked."""
        for key in [key for key in self._waiting if key[0] == call]:
            self._waiting.pop(key).cancel()
