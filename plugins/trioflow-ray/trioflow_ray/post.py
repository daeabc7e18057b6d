"""The engine's end of the mailbox: it sorts messages to the calls they belong to."""

from __future__ import annotations

import pickle
from collections import deque
from concurrent.futures import Future
from typing import Any

import attrs
import trio

from trioflow.runners.remote import Ask, Begun, Frame, LogRecord
from trioflow_ray.line import BegunOn, Records
from trioflow_ray.mailbox import Letter, Reply
from trioflow_ray.waiting import when_settled
from trioflow_ray.work import Result


@attrs.define(eq=False)
class Call:
    """The messages of one body. A `trioflow.runners.remote.Post`."""

    number: int
    office: Office
    received: int = 0
    result: Result | None = None
    """What the task has returned; its outcome comes after all messages that the body has sent."""
    is_over: bool = False
    """Whether the task has ended without a result."""
    node: str | None = None
    """The id of the node on which the body runs; None until it is known."""
    _early: dict[int, tuple[Any, bytes]] = attrs.field(factory=dict)
    """Messages that have overtaken others."""
    _frames: deque[Frame] = attrs.field(factory=deque)
    _news: trio.Event = attrs.field(factory=trio.Event)

    def add(self, number: int, message: Any, content: bytes) -> None:
        """Add a message of the body, and those that wait for it."""
        self._early[number] = message, content
        while self.received in self._early:
            self._take(*self._early.pop(self.received))
            self.received += 1
        self._news.set()

    def _take(self, message: Any, content: bytes) -> None:
        if isinstance(message, Records):
            self._frames.extend((LogRecord(), record) for record in pickle.loads(content))
        elif isinstance(message, BegunOn):
            self.node = message.node
            self._frames.append((Begun(), content))
        else:
            self._frames.append((message, content))

    def end(self, result: Result | None) -> None:
        """Note that the task has ended; None if it has no result."""
        self.result, self.is_over = result, result is None
        if result is not None:
            self.node = self.node or result[3] or None
        self._news.set()

    async def send(self, message: Any, content: bytes | bytearray = b"") -> None:
        """Send an answer to the body."""
        answer = pickle.dumps(message)
        self.office.answer([self.number, message.id, answer, bytes(content)])
        await trio.lowlevel.checkpoint()

    async def receive(self) -> Frame | None:
        """Return the next message of the body, its outcome last; None if it has none."""
        while True:
            if self._frames:
                return self._frames.popleft()
            if self.result is not None and self.received >= self.result[0]:
                return self.result[1], self.result[2]
            if self.is_over or self.office.is_lost:
                return None
            self._news = trio.Event()
            await self._news.wait()

    def wake(self) -> None:
        """Look at what has changed."""
        self._news.set()


SOON = 0.002
"""Seconds that the next call of the mailbox waits for the answers to what the last one has brought:
most requests are answered at once, and then need no call of their own."""


class Office:
    """Takes messages from the mailbox, and brings answers to it."""

    def __init__(self, mailbox: Any, gathering: float = 0.0) -> None:
        """Serve a mailbox.

        Args:
          gathering: Seconds that an answer waits for others, if bodies do not wait for each.
        """
        self.mailbox = mailbox
        self._gathering = gathering
        self.is_lost = False
        """Whether the mailbox is gone."""
        self.reason = ""
        self._calls: dict[int, Call] = {}
        self._numbers = 0
        self._answers: list[Reply] = []
        self._taken: Future[list[Letter]] | None = None
        self._news = trio.Event()

    def open_call(self) -> Call:
        """Return a new call, whose messages are sorted to it until it is closed."""
        self._numbers += 1
        call = self._calls[self._numbers] = Call(self._numbers, self)
        return call

    def close_call(self, call: Call) -> None:
        """Drop what the body still sends."""
        del self._calls[call.number]

    def forget(self, call: Call) -> None:
        """End all requests of a body with an error."""
        if not self.is_lost:
            self.mailbox.forget.remote(call.number)

    def answer(self, letter: Reply) -> None:
        """Bring an answer to its body; it is lost if the body has ended."""
        self._answers.append(letter)  # there are as many as bodies have open requests
        self._news.set()

    async def serve(self) -> None:
        """Sort messages and bring answers until the mailbox is gone."""
        import ray

        self._exchange()
        while True:
            await self._hear()
            future, self._taken = self._taken, None
            if future is None:
                await self._bring_late()
                continue
            try:
                letters = future.result()
            except ray.exceptions.RayError as exc:
                self._lose(exc)
                return
            if self._sort(letters) and not self._answers:
                with trio.move_on_after(SOON):
                    await self._hear()
            await trio.sleep(self._gathering)
            self._exchange()

    async def _bring_late(self) -> None:
        """Bring answers that took longer, while the mailbox waits for messages."""
        await trio.sleep(self._gathering)
        if self._answers:
            self.mailbox.answer.remote(self._all_answers())

    async def _hear(self) -> None:
        await self._news.wait()
        self._news = trio.Event()

    def _exchange(self) -> None:
        """Bring the answers, and take messages as soon as there are any."""
        when_settled(self.mailbox.exchange.remote(self._all_answers()), self._take)

    def _take(self, future: Future[list[Letter]]) -> None:
        self._taken = future
        self._news.set()

    def _all_answers(self) -> list[Reply]:
        answers, self._answers = self._answers, []
        return answers

    def _sort(self, letters: list[Letter]) -> bool:
        """Give messages to their calls, and return whether there are requests among them."""
        asks = False
        for call_number, number, packed, content in letters:
            call = self._calls.get(call_number)
            if call is not None:
                message = pickle.loads(packed)
                asks = asks or isinstance(message, Ask)
                call.add(number, message, content)
        return asks

    def _lose(self, exc: Exception) -> None:
        self.is_lost, self.reason = True, " ".join(str(exc).split())
        for call in self._calls.values():
            call.wake()
