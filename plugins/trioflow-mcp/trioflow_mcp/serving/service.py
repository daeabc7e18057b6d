"""Answers the requests of clients: lists tools, runs what is called, asks, and tells how far it is.

Each call is a run of the engine. It is canceled with the call, except if the server ends: then a
durable run is left to be recovered.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import mcp_types as types
import trio
from attrs import define, field
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from trioflow import Engine, Run, RunResult, TrioflowError
from trioflow.errors import InvalidValueError
from trioflow_mcp.serving.catalogue import RESUME, Served
from trioflow_mcp.serving.questions import Question, questions_of
from trioflow_mcp.serving.telling import ended, failed, progress_of, succeeded, suspended

ASKED = "answer"
"""The key of a question to clients of the newer protocol."""
TRIES = 3
"""How often a user is asked again whose answer does not fit."""
Context = ServerRequestContext[Any, Any]
"""The request of a client, and the way to it."""
INSTRUCTIONS = (
    "Tools run workflows. A tool may return that its run is suspended and what it asks; "
    f"answer with the tool {RESUME!r}, and do not call the tool again."
)
RESUME_TOOL = types.Tool(
    name=RESUME,
    description=(
        "Answer a suspended run and return its result. Without an answer, return the result "
        "of a run, or what it waits for."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "run_id": {"type": "string", "description": "Id of the run."},
            "answer": {"description": "The answer, as its schema says."},
            "label": {"type": "string", "description": "Which question, if there are several."},
        },
        "required": ["run_id"],
        "additionalProperties": False,
    },
)


@define(eq=False)
class Service:
    """Serves the tools of a catalogue."""

    engine: Engine
    catalogue: Mapping[str, Served]
    is_ending: bool = False
    """Whether calls are canceled because the server ends, and not by their clients."""
    server: Server[Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.server = Server(
            "trioflow",
            version=version("trioflow"),
            instructions=INSTRUCTIONS,
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
        )

    def end(self) -> None:
        """Note that calls which are canceled from now on are not canceled by their clients."""
        self.is_ending = True

    async def list_tools(self, ctx: Context, params: object) -> types.ListToolsResult:
        """Return the tools."""
        tools = [each.described for each in self.catalogue.values()]
        return types.ListToolsResult(tools=[*tools, RESUME_TOOL])

    async def call_tool(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Run a tool, or continue a run."""
        arguments = params.arguments or {}
        try:
            if params.request_state is not None:
                return await self._answered(ctx, params)
            if params.name == RESUME:
                return await self._resume(ctx, arguments)
            served = self.catalogue.get(params.name)
            if served is None:
                problem = f"there is no tool {params.name!r}"
                raise MCPError(code=types.INVALID_PARAMS, message=problem)
            run = self.engine.submit(served.workflow, served.input_of(arguments), by="mcp")
            return await self._finish(ctx, run, served)
        except (TrioflowError, ValueError) as exc:
            return failed(None, exc)

    # ------------------------------------------------------------ runs of earlier calls
    async def _resume(
        self, ctx: Context, arguments: Mapping[str, Any]
    ) -> types.CallToolResult | types.InputRequiredResult:
        run_id, label = arguments.get("run_id"), arguments.get("label")
        if not isinstance(run_id, str) or not (label is None or isinstance(label, str)):
            return failed(None, "expected run_id, a string, and answer")
        run, served = await self._find(run_id)
        after = _last(run)
        if "answer" in arguments:
            await self._give(run, arguments["answer"], {"label": label})
        return await self._finish(ctx, run, served, after)

    async def _find(self, run_id: str) -> tuple[Run[Any, Any], Served]:
        """Return a run of this server's tools.

        Raises:
          TrioflowError: if there is none with that id.
        """
        run = await self.engine.load_run(run_id)
        for served in self.catalogue.values():
            if served.workflow.id == run.workflow_id and self._is_of(run, served):
                return run, served
        raise ValueError(f"run {run_id!r} is of a workflow that is not served here")

    def _is_of(self, run: Run[Any, Any], served: Served) -> bool:
        given = run.record.input
        return served.tool is None or getattr(given, "tool", None) == served.tool

    async def _answered(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Continue with the answer to an `InputRequiredResult`, whose state is the run's id."""
        run, served = await self._find(str(params.request_state))
        answer = (params.input_responses or {}).get(ASKED)
        questions, after = questions_of(run.record), _last(run)
        if not isinstance(answer, types.ElicitResult) or not questions:
            return await self._finish(ctx, run, served, after)
        problem = await self._take(run, questions[0], answer)
        if problem is None:
            return await self._finish(ctx, run, served, after)
        if answer.action != "accept":
            return suspended(run.run_id, questions, problem)
        return self._input_required(run, questions[0], problem)

    # ------------------------------------------------------------ a run until it says something
    async def _finish(
        self, ctx: Context, run: Run[Any, Any], served: Served, after: int | None = None
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Return the result of a run; ask the client's user what it asks.

        Args:
          after: Progress is sent for the events after this one.
        """
        try:
            return await self._converse(ctx, run, served, after)
        except trio.Cancelled:
            if not self.is_ending:
                await self._cancel(run)
            raise

    async def _cancel(self, run: Run[Any, Any]) -> None:
        """Cancel a run and wait for its clean-up."""
        with trio.CancelScope(shield=True), suppress(TrioflowError):  # it may be over
            await self.engine.cancel_run(run.run_id, "the client canceled the call", by="mcp")
            await run.wait()

    async def _converse(
        self, ctx: Context, run: Run[Any, Any], served: Served, after: int | None
    ) -> types.CallToolResult | types.InputRequiredResult:
        while True:
            result = await self._follow(ctx, run, after)
            if result.status == "success":
                return succeeded(run.run_id, served.result_of(result.output, self.engine))
            if result.status != "suspended":
                return ended(result)
            questions, after = questions_of(run.record), _last(run)
            if not questions or not self._can_ask(ctx):
                return suspended(run.run_id, questions)
            if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
                return self._input_required(run, questions[0], None)
            problem = await self._ask(ctx, run, questions[0])
            if problem is not None:
                return suspended(run.run_id, questions, problem)

    async def _follow(self, ctx: Context, run: Run[Any, Any], after: int | None) -> RunResult[Any]:
        """Wait until a run finishes or suspends; send its events as progress meanwhile."""
        async with run.observe(after) as stream:
            async for event in stream:
                message = progress_of(event)
                if message is not None:
                    await ctx.session.report_progress(event.seq, None, message)
        return await run.wait()

    # ------------------------------------------------------------ questions
    def _can_ask(self, ctx: Context) -> bool:
        capabilities = ctx.session.client_capabilities
        if capabilities is None or capabilities.elicitation is None:
            return False
        is_modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        return is_modern or ctx.session.can_send_request

    async def _ask(self, ctx: Context, run: Run[Any, Any], question: Question) -> str | None:
        """Ask the client's user during the call; return why the run stays suspended."""
        problem = None
        for _ in range(TRIES):
            request = question.request(problem)
            answer = await ctx.session.elicit_form(
                request.message, request.requested_schema, ctx.request_id
            )
            problem = await self._take(run, question, answer)
            if problem is None or answer.action != "accept":
                break
        return problem

    def _input_required(
        self, run: Run[Any, Any], question: Question, problem: str | None
    ) -> types.InputRequiredResult:
        request = types.ElicitRequest(params=question.request(problem))
        return types.InputRequiredResult(input_requests={ASKED: request}, request_state=run.run_id)

    async def _take(
        self, run: Run[Any, Any], question: Question, answer: types.ElicitResult
    ) -> str | None:
        """Resume a run with a user's answer; return why that is not possible."""
        given = question.read(answer) if answer.action == "accept" else question.refusal(answer)
        if given is None:
            return f"The user did not answer ({answer.action}). "
        try:
            await self._give(run, given, question.where)
        except InvalidValueError as exc:
            return f"The answer does not fit: {exc}. "
        return None

    async def _give(self, run: Run[Any, Any], answer: Any, where: Mapping[str, Any]) -> None:
        await self.engine.resume_run(run.run_id, answer, by="mcp", **where)


def _last(run: Run[Any, Any]) -> int:
    """Return the number of the last event of a run."""
    return run.record.next_seq - 1
