"""Servers that do not keep to the protocol, or to what is sensible."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import AsyncIterator
from typing import Any

import mcp_types as types
import pytest
import trio
from mcp.server import Server
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from trioflow_mcp import McpConnectionError, McpListError, McpResultError, McpToolError, open_mcp

from trioflow.errors import InvalidValueError

from .helping import engine_with, error_of, output_of, raw, serve_http
from .scripted import ANY, echo, server_of, text, tool


def types_error(message: str, code: int = types.INTERNAL_ERROR) -> Exception:
    return MCPError(code=code, message=message)


async def test_a_list_by_pages_is_read_to_its_end() -> None:
    pages = [[tool(f"t{page}-{n}") for n in range(3)] for page in range(5)]

    async with open_mcp(server_of(*pages)) as tools:
        assert [each.id for each in tools] == [each.name for page in pages for each in page]


async def test_a_server_without_tools_has_none() -> None:
    async with open_mcp(Server("empty")) as tools:
        assert tools == []


@pytest.mark.parametrize(
    ("tools", "problem"),
    [
        ([tool("a", {"type": "object", "properties": {"x": {"type": 5}}})], "schema is invalid"),
        ([tool("a", {"type": "object", "maxProperties": -1})], "'a' cannot be used: its schema"),
        ([tool("")], "'' cannot be used: '' is not a valid id"),
        ([tool("a\nb")], "is not a valid id"),
        ([tool("x" * 600)], "its id has 600 characters"),
        ([tool("a"), tool("a")], "tools 'a' and 'a' would both have the id 'a'"),
        ([tool("a/b"), tool("a:b")], "tools 'a/b' and 'a:b' would both have the id 'a_b'"),
        (
            [tool("a", {"type": "object", "properties": {"trioflow_context": {}}})],
            "is both its context and an argument",
        ),
    ],
)
async def test_tools_that_cannot_be_used_are_named(tools: list[types.Tool], problem: str) -> None:
    good = tool("good")
    server = server_of([good, *tools])
    with pytest.raises(McpListError, match=re.escape(problem)) as caught:
        async with open_mcp(server):
            pass
    assert "allow=" in str(caught.value)
    async with open_mcp(server, allow={"good"}) as made:
        assert [each.id for each in made] == ["good"]


@pytest.mark.parametrize("name", ["self", "ctx", "a b", "class", "ü", "tool", "a.b", "name"])
async def test_names_that_mean_something_in_python_are_fine(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "integer"}}}
    async with engine_with(server_of([tool(name, schema)])) as engine:
        assert await output_of(engine, name, **{name: 1}) == {"arguments": {name: 1}}


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": 5}, [], "object", None])
async def test_a_schema_that_is_none_of_an_object_is_refused(schema: Any) -> None:
    """The SDK's own servers do not send these."""
    with pytest.raises(McpListError, match=r"does not follow the protocol: tools\.0\.inputSchema"):
        async with open_mcp(raw(f"schema={json.dumps(schema)}")):
            pass


async def test_a_list_without_end_is_refused() -> None:
    pages = server_of([tool(str(n)) for n in range(1_000)], endless=True)
    with pytest.raises(McpListError, match=r"does not end; 1[01],000 were read"):
        async with open_mcp(pages):
            pass


async def test_a_cursor_that_comes_again_is_refused() -> None:
    async def same(context: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[], next_cursor="again")

    with pytest.raises(McpListError, match="does not end; 0 were read"):
        async with open_mcp(Server("s", on_list_tools=same)):
            pass


async def test_a_list_that_fails_says_why() -> None:
    async def fail(context: Any, params: Any) -> types.ListToolsResult:
        raise types_error("no list today")

    with pytest.raises(McpListError, match="no list today"):
        async with open_mcp(Server("s", on_list_tools=fail)):
            pass


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (text("x", structured_content={"n": "one"}), "n"),
        (text("x"), "structured"),
        (text("x", structured_content={"n": 1, "pad": "x" * 2_000}), "at most 1,000 are accepted"),
    ],
)
async def test_results_that_do_not_fit_are_errors(
    result: types.CallToolResult, problem: str
) -> None:
    async def call(context: Any, params: Any) -> types.CallToolResult:
        return result

    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    server = server_of([tool("t", output_schema=schema)], call=call)
    async with engine_with(server, max_result=1_000) as engine:
        error = await error_of(engine, "t")

    assert isinstance(error, McpResultError)
    assert problem in str(error)


async def test_large_texts_are_bounded_too_also_in_errors() -> None:
    async def call(context: Any, params: Any) -> types.CallToolResult:
        is_error = params.arguments.get("fail", False)
        return text("x" * params.arguments["size"], is_error=is_error)

    async with engine_with(server_of([tool("t")], call=call), max_result=100_000) as engine:
        assert isinstance(await error_of(engine, "t", size=100_000), McpResultError)
        assert isinstance(await error_of(engine, "t", size=100_000, fail=True), McpResultError)
        error = await error_of(engine, "t", size=90_000, fail=True)

    assert isinstance(error, McpToolError)
    assert len(str(error)) < 3_000


@pytest.mark.parametrize("code", [types.INVALID_PARAMS, types.CONNECTION_CLOSED, -32_042])
async def test_an_error_of_the_protocol_has_its_code(code: int) -> None:
    async def call(context: Any, params: Any) -> types.CallToolResult:
        raise types_error("not today", code)

    async with engine_with(server_of([tool("t")], call=call)) as engine:
        error = await error_of(engine, "t")

    assert isinstance(error, McpToolError)
    assert error.code == code
    assert error.content == ({"type": "text", "text": "not today"},)


@pytest.mark.parametrize("value", ["\ud800", float("nan"), float("inf"), object(), {1, 2}])
async def test_arguments_that_cannot_be_sent_fail_only_their_call(value: Any) -> None:
    async with engine_with(server_of([tool("t")])) as engine:
        error = await error_of(engine, "t", value=value)
        assert isinstance(error, InvalidValueError)
        assert "cannot be sent as JSON" in str(error)
        assert await output_of(engine, "t") == {"arguments": {}}


async def test_a_question_with_an_invalid_schema_fails_the_call() -> None:
    async def call(context: Any, params: Any) -> types.CallToolResult:
        schema = {"type": "object", "properties": {"x": {"type": 5}}}
        await context.session.elicit_form("?", schema)
        return text("done")

    async with engine_with(server_of([tool("t")], call=call)) as engine:
        error = await error_of(engine, "t")

    assert isinstance(error, McpResultError)
    assert "invalid schema" in str(error)


async def test_an_answer_that_the_protocol_cannot_have() -> None:
    async def call(context: Any, params: Any) -> types.CallToolResult:
        await context.session.elicit_form("?", {"type": "object", "properties": {}})
        return text("done")

    async with engine_with(server_of([tool("t")], call=call)) as engine:
        run = engine.submit("call", {"tool": "t", "args": {}})
        await run.wait()
        result = await run.resume({"action": "accept", "content": {"x": {"y": 1}}})

    assert isinstance(result.error, InvalidValueError)


async def test_a_flood_of_progress_is_bounded() -> None:
    async def call(context: Any, params: Any) -> types.CallToolResult:
        for number in range(1_000):
            await context.session.report_progress(number)
        return text("done")

    async with engine_with(server_of([tool("t")], call=call)) as engine:
        assert await output_of(engine, "t") == [{"type": "text", "text": "done"}]


async def test_a_list_that_changes_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    listed = [tool("old"), tool("same"), tool("changes")]

    async def call(context: Any, params: Any) -> types.CallToolResult:
        listed[:] = [tool("new"), tool("same"), tool("changes", description="other")]
        await context.session.send_tool_list_changed()
        return text("done")

    async with engine_with(server_of(listed, call=call)) as engine:
        with caplog.at_level(logging.WARNING, "trioflow.mcp"):
            await output_of(engine, "same")
            with trio.fail_after(10):
                while len(caplog.records) < 3:  # noqa: ASYNC110  # nothing else tells
                    await trio.sleep(0.01)

    said = [record.getMessage().split(";")[0] for record in caplog.records]
    assert said == [
        "MCP server 'scripted' has new tools: new",
        "MCP server 'scripted' has removed tools: old",
        "MCP server 'scripted' has changed tools: changes",
    ]


async def test_a_server_may_not_ask_for_other_things_than_answers() -> None:
    async def call(context: Any, params: Any) -> types.CallToolResult:
        with warnings.catch_warnings(action="ignore"):  # the SDK wants it to be given up
            await context.session.list_roots()
        return text("done")

    async with engine_with(server_of([tool("t")], call=call)) as engine:
        error = await error_of(engine, "t")

    assert isinstance(error, McpToolError)
    assert "not supported" in str(error)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (PlainTextResponse("hello"), "something that is no message: 'hello'"),
        (PlainTextResponse("no", 401), "HTTP status 401"),
        (JSONResponse({"jsonrpc": "2.0", "id": None, "result": 5}), "no message"),
        (Response(status_code=302, headers={"location": "http://x/"}), "HTTP status 302"),
        (Response(b"data: {broken\n\n", media_type="text/event-stream"), "no message"),
        (Response(b"\n" * 100_001, media_type="application/json"), "more than 100,000 lines"),
        (Response(b"data:\n" * 100_001, media_type="text/event-stream"), "100,000 lines"),
        (Response(b": nothing\n\n", media_type="text/event-stream"), "ended too early"),
    ],
)
async def test_answers_over_http_that_are_none(answer: Response, problem: str) -> None:
    async def respond(request: Request) -> Response:
        return answer

    app = Starlette(routes=[Route("/mcp", respond, methods=["POST", "GET", "DELETE"])])
    async with serve_http(app) as url:
        with pytest.raises(McpConnectionError, match=re.escape(problem)):
            async with open_mcp(url + "/mcp"):
                pass


PAGE = b"<p>no luck</p>" * 5000 + b"\n"
BUFFERS = 16 * 1024 * 1024
"""Most bytes that the sockets of both sides hold beside what is read."""


@pytest.mark.parametrize("media_type", ["text/html", "application/json", "text/event-stream"])
async def test_a_long_page_is_not_read(media_type: str) -> None:
    sent = [0]

    async def respond(request: Request) -> Response:
        return StreamingResponse(pages(1000, sent), 503, media_type=media_type)

    app = Starlette(routes=[Route("/mcp", respond, methods=["POST", "GET", "DELETE"])])
    async with serve_http(app) as url:
        with pytest.raises(McpConnectionError):
            async with open_mcp(url + "/mcp"):
                pass

    assert sent[0] < BUFFERS


async def test_what_answers_a_notification_is_not_read_to_its_end() -> None:
    sent = [0]
    app = server_of([tool("t", ANY)], call=echo).streamable_http_app()

    async def floods(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        if scope["type"] == "http" and scope["method"] == "POST":
            message = await receive()
            body = message["body"]
            if b'"id"' not in body:
                await StreamingResponse(pages(1000, sent), 202)(scope, receive, send)
                return
        if scope["type"] == "http" and scope["method"] == "DELETE":
            await StreamingResponse(pages(1000, sent), 200)(scope, receive, send)
            return

        async def given() -> Any:
            nonlocal body
            if not body:
                return await receive()
            text, body = body, b""
            return {"type": "http.request", "body": text, "more_body": False}

        await app(scope, given, send)

    async with serve_http(floods) as url, engine_with(url + "/mcp") as engine:
        await output_of(engine, "t")

    assert 0 < sent[0] < 4 * BUFFERS


async def pages(count: int, sent: list[int]) -> AsyncIterator[bytes]:
    """Yield parts of a long page, and count what the client has taken."""
    for _ in range(count):
        yield PAGE
        sent[0] += len(PAGE)
        await trio.lowlevel.checkpoint()


async def test_headers_are_sent_with_each_request() -> None:
    seen: list[str | None] = []
    app = server_of([tool("t", ANY)], call=echo).streamable_http_app()

    async def look(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            seen.append(dict(scope["headers"]).get(b"authorization", b"").decode())
        await app(scope, receive, send)

    headers = {"Authorization": "Bearer x"}
    async with (
        serve_http(look) as url,
        engine_with(url + "/mcp", headers=headers) as engine,
    ):
        await output_of(engine, "t")

    assert set(seen) == {"Bearer x"}
