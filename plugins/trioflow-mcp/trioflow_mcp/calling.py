"""Calls of one tool of a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import mcp_types as types
import trio
from attrs import frozen
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from trioflow import StepContext
from trioflow_mcp.askers import CALL
from trioflow_mcp.asking import InvalidRequestError, ask, check_sendable
from trioflow_mcp.connection import Connection, Link, is_lost
from trioflow_mcp.errors import McpResultError, McpToolError
from trioflow_mcp.exchange import CallAgainError, Exchange
from trioflow_mcp.results import output_of

STEP_CALL = "trioflow/stepCallId"
"""The key in a request's metadata with the id of the step call, which is idempotent."""
ROUNDS = 100
"""Most times that one call of a tool is answered with questions."""
PAUSE = 0.1
"""Seconds until a call is made again that is answered with no question and no result."""


@frozen
class RemoteTool:
    """A tool of a server, which trioflow calls by another name."""

    id: str
    name: str
    """Its name on the server."""
    connection: Connection
    max_result: int

    @property
    def server(self) -> str:
        """Names the server in messages."""
        return self.connection.target.name

    async def __call__(self, arguments: Mapping[str, Any], ctx: StepContext[Any]) -> Any:
        """Call the tool and return its output."""
        check_sendable(dict(arguments), "arguments", self.id)
        while True:
            link = await self.connection.link()
            try:
                result = await self._call(link, arguments, ctx)
            except CallAgainError:
                continue
            except InvalidRequestError as exc:
                raise McpResultError(self.name, self.server, str(exc)) from exc
            finally:
                link.close_if_unused()
            return output_of(result, self.name, self.server, self.max_result)

    async def _call(
        self, link: Link, arguments: Mapping[str, Any], ctx: StepContext[Any]
    ) -> types.CallToolResult:
        exchange = Exchange(self.id)

        async def answer(params: types.ElicitRequestParams) -> types.ElicitResult:
            return await ask(self.id, arguments, params, ctx)

        async with link.askers.calling(exchange) as key:
            meta = {CALL: key, STEP_CALL: ctx.step_call_id}

            async def request() -> types.CallToolResult:
                return await self._request(link, exchange, dict(arguments), meta)

            result = await exchange.converse(request, answer, ctx)
        assert isinstance(result, types.CallToolResult)
        return result

    async def _request(
        self, link: Link, exchange: Exchange, arguments: dict[str, Any], meta: dict[str, Any]
    ) -> types.CallToolResult:
        """Send the request, again with the answers whenever it is answered with questions."""
        answers: dict[str, Any] | None = None
        state: str | None = None
        for _ in range(ROUNDS):
            try:
                result = await link.session.call_tool(
                    self.name,
                    arguments,
                    progress_callback=exchange.note_progress,
                    meta=cast("types.RequestParamsMeta", meta),  # it may have any further keys
                    input_responses=answers,
                    request_state=state,
                    allow_input_required=True,
                )
            except MCPError as exc:
                if is_lost(exc):
                    raise await link.lost(exc.message) from exc
                content = {"type": "text", "text": exc.message}
                raise McpToolError(self.name, self.server, (content,), exc.code) from exc
            except (ValidationError, RuntimeError) as exc:
                problem = "it does not follow the protocol"
                if isinstance(exc, RuntimeError):  # it does not fit the tool's output schema
                    problem = str(exc)
                raise McpResultError(self.name, self.server, problem) from exc
            if isinstance(result, types.CallToolResult):
                return result
            state, asked = result.request_state, result.input_requests or {}
            answers = {name: await self._respond(each, exchange) for name, each in asked.items()}
            if not asked:
                answers = None
                await trio.sleep(PAUSE)
        raise McpResultError(self.name, self.server, f"it asks more than {ROUNDS} times")

    async def _respond(self, request: Any, exchange: Exchange) -> types.ElicitResult:
        if isinstance(request, types.ElicitRequest):
            return await exchange.ask(request.params)
        problem = f"it sends {request.method}, which trioflow does not answer"
        raise McpResultError(self.name, self.server, problem)
