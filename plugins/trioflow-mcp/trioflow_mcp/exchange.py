"""One call of a tool as its caller sees it: progress and questions arrive, then an outcome."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from attrs import define, field
from mcp_types import ElicitRequestParams, ElicitResult

from trioflow import StepContext
from trioflow_mcp.errors import innermost
from trioflow_mcp.values import McpProgress

KEPT = 64
"""Most progress that waits to be written; older progress is then dropped."""


class CallAgainError(Exception):
    """Raised in calls that must be made again, one at a time, to tell whose a question is."""


@define(eq=False)
class Question:
    """What a server asks during a call."""

    params: ElicitRequestParams
    answer: ElicitResult | None = None
    answered: trio.Event = field(factory=trio.Event)


@define(eq=False)
class Exchange:
    """Brings what happens during a call to the task of the caller, where the context works."""

    tool: str
    """Id of the tool."""
    _progress: deque[McpProgress] = field(factory=lambda: deque(maxlen=KEPT))
    _questions: deque[Question] = field(factory=deque)
    _result: Any = None
    _error: BaseException | None = None
    _is_over: bool = False
    _is_asking: bool = False
    _news: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    async def note_progress(
        self, progress: float, total: float | None, message: str | None
    ) -> None:
        """Note how far the call is. Called in a task of the session."""
        self._progress.append(McpProgress(self.tool, progress, total, message))
        self._news.unpark_all()

    async def ask(self, params: ElicitRequestParams) -> ElicitResult:
        """Put a question to the caller, and wait for the answer."""
        question = Question(params)
        self._questions.append(question)
        self._news.unpark_all()
        await question.answered.wait()
        assert question.answer is not None
        return question.answer

    @property
    def may_have_asked(self) -> bool:
        """Whether the call was left, so that a question may be its own that nobody answers."""
        return not self._is_over and not self._is_asking

    def fail(self, error: BaseException) -> None:
        """End the call."""
        if not self._is_over:
            self._error, self._is_over = error, True
            self._news.unpark_all()

    async def converse(
        self,
        request: Callable[[], Awaitable[Any]],
        answer: Callable[[ElicitRequestParams], Awaitable[ElicitResult]],
        ctx: StepContext[Any],
    ) -> Any:
        """Send a request in another task; write progress and answer questions in this one.

        Returns what the request returns. If anything is raised here, such as the suspension of the
        run, the request is canceled.
        """
        failure: BaseException | None = None
        result = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, request)
            try:
                result = await self._take_news(answer, ctx)
            except BaseException as exc:  # it leaves as itself, not in a group
                failure = exc
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return result

    async def _send(self, request: Callable[[], Awaitable[Any]]) -> None:
        try:
            self._result = await request()
        except Exception as exc:
            self.fail(innermost(exc))
        self._is_over = True
        self._news.unpark_all()

    async def _take_news(
        self,
        answer: Callable[[ElicitRequestParams], Awaitable[ElicitResult]],
        ctx: StepContext[Any],
    ) -> Any:
        while True:
            # Tasks of the session may have noted progress in another order than it was sent.
            waiting = sorted(self._progress, key=lambda each: each.progress)
            self._progress.clear()
            for progress in waiting:
                await ctx.write(progress)
            if self._questions:
                question = self._questions.popleft()
                self._is_asking = True
                question.answer = await answer(question.params)
                self._is_asking = False
                question.answered.set()
            elif self._is_over and not self._progress:
                if self._error is not None:
                    raise self._error
                return self._result
            elif not self._progress:
                await self._news.park()
