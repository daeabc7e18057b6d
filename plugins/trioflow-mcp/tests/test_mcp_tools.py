"""Tools of MCP servers are tools of trioflow, whatever the transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from trioflow_mcp import McpProgress, McpToolError, open_mcp, text_of

from trioflow import events as ev
from trioflow.errors import DefinitionError, InvalidValueError, UnknownNameError
from trioflow.testing import check_events

from .helping import CALL, Demo, call, demo, engine_with, error_of, output_of


@pytest.fixture(params=["memory", "http"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Demo]:
    async with demo(request.param, tmp_path) as made:
        yield made


async def test_a_tool_has_the_servers_description_and_schema(server: Demo) -> None:
    async with open_mcp(server.target, prefix="demo.") as tools:
        add = next(tool for tool in tools if tool.id == "demo.add")

    assert add.description == "Add numbers.\n\nBoth of them."
    assert add.schema["properties"]["b"] == {"default": 1, "title": "B", "type": "integer"}
    assert add.schema["required"] == ["a"]
    assert add.metadata["mcp"]["tool"] == "add"
    assert add.metadata["mcp"]["outputSchema"]["type"] == "object"


async def test_the_output_is_the_structured_content_or_the_content_parts(server: Demo) -> None:
    async with engine_with(server.target) as engine:
        assert await output_of(engine, "add", a=2) == {"result": 3}
        assert await output_of(engine, "person") == {"name": "Ada", "age": 36}
        parts = await output_of(engine, "parts")

    assert parts == [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert text_of(parts) == "one\ntwo"


async def test_a_tool_that_fails_raises_an_error_with_what_the_server_said(server: Demo) -> None:
    async with engine_with(server.target, prefix="x.") as engine:
        error = await error_of(engine, "x.fail", why="no luck")

    assert isinstance(error, McpToolError)
    assert error.tool == "fail"
    assert error.content[0]["type"] == "text"
    assert error.code is None
    assert "no luck" in str(error)


async def test_arguments_are_checked_before_the_server_is_asked(server: Demo) -> None:
    async with engine_with(server.target) as engine:
        error = await error_of(engine, "add", a="two")

    assert isinstance(error, InvalidValueError)
    assert [fault.path for fault in error.faults] == ["a"]
    assert server.noted == []


async def test_progress_becomes_chunks_of_the_step(server: Demo) -> None:
    async with engine_with(server.target, prefix="demo.") as engine:
        run = engine.create_run("call")
        async with run.stream({"tool": "demo.count", "args": {"to": 20}}) as stream:
            events: list[ev.Event] = [event async for event in stream]

    chunks = [event.chunk for event in events if isinstance(event, ev.StepOutput)]
    assert chunks == [McpProgress("demo.count", n, 20, f"number {n}") for n in range(20)]
    check_events(events, CALL)


async def test_canceling_the_run_cancels_the_tool_on_the_server(server: Demo) -> None:
    async with engine_with(server.target) as engine:
        run = engine.submit("call", {"tool": "hang", "args": {}})
        await server.wait_noted("hang")
        run.cancel()

        assert (await run.wait()).status == "canceled"
        await server.wait_noted("hang canceled")
        assert await output_of(engine, "add", a=1) == {"result": 2}  # the session goes on


async def test_a_time_out_of_calls_cancels_the_tool_on_the_server(server: Demo) -> None:
    async with engine_with(server.target, call_timeout=0.3) as engine:
        error = await error_of(engine, "hang")

        assert isinstance(error, TimeoutError)
        await server.wait_noted("hang canceled")


async def test_calls_of_one_session_run_at_the_same_time(server: Demo) -> None:
    async with engine_with(server.target) as engine:
        hanging = engine.submit("call", {"tool": "hang", "args": {}})
        await server.wait_noted("hang")

        assert await output_of(engine, "add", a=1) == {"result": 2}
        hanging.cancel()


@pytest.mark.slow
async def test_a_process_does_all_of_it(tmp_path: Path) -> None:
    async with demo("stdio", tmp_path) as server, engine_with(server.target) as engine:
        assert await output_of(engine, "add", a=2) == {"result": 3}
        assert "no luck" in str(await error_of(engine, "fail", why="no luck"))
        run = engine.create_run("call")
        async with run.stream({"tool": "count", "args": {"to": 20}}) as stream:
            chunks = [event.chunk async for event in stream if isinstance(event, ev.StepOutput)]
        assert [chunk.progress for chunk in chunks] == list(range(20))
        hanging = engine.submit("call", {"tool": "hang", "args": {}})
        await server.wait_noted("hang")
        assert await output_of(engine, "add", a=1) == {"result": 2}
        hanging.cancel()
        assert (await hanging.wait()).status == "canceled"
        await server.wait_noted("hang canceled")


async def test_only_allowed_tools_are_there(tmp_path: Path) -> None:
    async with demo("memory", tmp_path) as made:
        async with open_mcp(made.target, "d.", {"add", "fail"}) as tools:
            assert {tool.id for tool in tools} == {"d.add", "d.fail"}
        async with open_mcp(made.target, allow=lambda name: name.startswith("greet")) as tools:
            assert {tool.id for tool in tools} == {"greet", "greet_two"}


async def test_an_allowed_name_must_exist(tmp_path: Path) -> None:
    async with demo("memory", tmp_path) as made:
        with pytest.raises(UnknownNameError, match="unknown tool 'ad'; did you mean 'add'"):
            async with open_mcp(made.target, allow=["ad"]):
                pass


@pytest.mark.parametrize(
    ("target", "options", "problem"),
    [
        ("python server.py", {}, "is no URL; give a command as a list"),
        (5, {}, "5 is no MCP server"),
        ([], {}, "is no MCP server"),
        (["x"], {"allow": "add"}, "allow is 'add'"),
        (["x"], {"prefix": 1}, "prefix is 1"),
        (["x"], {"start_timeout": 0}, "start_timeout is 0"),
        (["x"], {"call_timeout": -1}, "call_timeout is -1"),
        (["x"], {"max_result": float("nan")}, "max_result is nan"),
        (["x"], {"headers": {"a": "b"}}, "headers are for URLs"),
    ],
)
async def test_wrong_arguments_say_what_is_wrong(
    target: Any, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DefinitionError, match=problem):
        async with open_mcp(target, **options):
            pass


async def test_an_exception_leaves_the_block_as_itself(server: Demo) -> None:
    with pytest.raises(KeyError):
        async with open_mcp(server.target):
            raise KeyError("x")


async def test_the_server_learns_which_step_call_it_is(tmp_path: Path) -> None:
    """It is the same when the step is repeated, so a server can refuse to act twice."""
    async with demo("memory", tmp_path) as made, engine_with(made.target) as engine:
        seen: list[Any] = []

        async def look(context: Any, call_next: Any) -> Any:
            seen.append((context.params or {}).get("_meta", {}).get("trioflow/stepCallId"))
            return await call_next(context)

        made.target._lowlevel_server.middleware.append(look)
        result = await call(engine, "add", a=1)

    assert f"{result.run_id}:0" in seen
