"""Servers that speak only the newer protocol do all the same."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from attrs import define
from trioflow_mcp import McpProgress

from trioflow import events as ev

from .helping import call, engine_with, output_of, serve_http
from .newer import make_newer


@define
class Newer:
    target: Any
    noted: list[str]


@pytest.fixture(params=["memory", "http"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Newer]:
    noted: list[str] = []
    made = make_newer(noted)
    if request.param == "memory":
        yield Newer(made, noted)
        return
    async with serve_http(made.streamable_http_app()) as url:
        yield Newer(url + "/mcp", noted)


async def test_a_question_suspends_the_run(server: Newer) -> None:
    async with engine_with(server.target) as engine:
        result = await call(engine, "greet", greeting="hi")
        assert result.suspend_payload["call_it"].message == "Who?"
        run = engine.get_run(result.run_id)
        answer = {"action": "accept", "content": {"name": "Ada"}}

        assert (await run.resume(answer)).unwrap() == {"result": "hi Ada"}


async def test_progress_and_cancellation(server: Newer) -> None:
    async with engine_with(server.target) as engine:
        run = engine.create_run("call")
        async with run.stream({"tool": "hang", "args": {}}) as stream:
            chunks = (event.chunk async for event in stream if isinstance(event, ev.StepOutput))
            assert await anext(chunks) == McpProgress("hang", 1, 2, "half")
            await chunks.aclose()
        with trio.fail_after(10):
            while server.noted != ["hang", "hang canceled"]:  # noqa: ASYNC110
                await trio.sleep(0.01)

    assert run.status == "canceled"


async def test_a_list_that_changes_is_reported(
    server: Newer, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine_with(server.target) as engine:
        with caplog.at_level(logging.WARNING, "trioflow.mcp"), trio.fail_after(10):
            while not caplog.records:  # it may not listen yet
                await output_of(engine, "change")
                await trio.sleep(0.05)

    assert "has new tools: new1" in caplog.records[0].getMessage()
