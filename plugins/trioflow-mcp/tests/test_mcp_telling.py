"""What clients are told while a run is going on, and how servers are named."""

from __future__ import annotations

from typing import Any

import pytest
import trioflow_mcp
from mcp.client.stdio import StdioServerParameters
from trioflow_mcp import McpProgress, text_of
from trioflow_mcp.serving.telling import SHOWN, ended, failed, progress_of
from trioflow_mcp.targets import target_of

from trioflow import RunResult
from trioflow import events as ev
from trioflow.errors import DefinitionError

AT: dict[str, Any] = {"run_id": "r", "seq": 1, "at": 0.0, "id": "s", "address": "0"}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (ev.StepStart(**AT, input=None), "s: started"),
        (ev.StepResult(**AT, status="success"), "s: success"),
        (ev.StepRetry(**AT, attempt=2, error=ValueError(), delay=1.0), "s: attempt 2 failed"),
        (ev.StepProgress(**AT, index=0, done=1, total=3, status="success"), "s: 1 of 3"),
        (ev.StepOutput(**AT, chunk="half\ud83d"), "s: half?"),
        (ev.StepOutput(**AT, chunk={"a": [1]}), 's: {"a": [1]}'),
        (ev.StepOutput(**AT, chunk=McpProgress("t", 2.0, None, None)), "t: 2"),
        (ev.StepOutput(**AT, chunk=McpProgress("t", 2.0, None, "two")), "two"),
        (ev.StepFinish(**AT, attempts=1, seconds=0.0), None),
    ],
)
def test_what_a_client_is_told_of_an_event(event: ev.Event, message: str | None) -> None:
    told = progress_of(event)
    assert told is None if message is None else str(told).startswith(message)


def test_long_chunks_are_told_in_part() -> None:
    assert len(str(progress_of(ev.StepOutput(**AT, chunk="x" * 10_000)))) == SHOWN + 3


def _text(result: Any) -> str:
    assert result.is_error
    return text_of([part.model_dump() for part in result.content])


def test_how_a_run_ended_that_has_no_output() -> None:
    about: dict[str, Any] = {"run_id": "r", "workflow_id": "w", "input": None}
    error = ExceptionGroup("g", [ExceptionGroup("h", [ValueError("no")])])
    assert _text(ended(RunResult(status="failed", error=error, **about))) == "ValueError: no"
    assert _text(ended(RunResult(status="canceled", **about))) == "the run is canceled"
    assert _text(failed(None, ValueError())) == "ValueError"


# ---------------------------------------------------------------- targets
@pytest.mark.parametrize(
    ("server", "headers", "problem"),
    [
        ("python server.py", None, "'python server.py' is no URL; give a command as a list"),
        ("http://", None, "is no URL"),
        ("ftp://host/", None, "is no URL"),
        (["uvx", "x"], {"a": "b"}, "headers are for URLs"),
        ([], None, "is no MCP server"),
        (["uvx", 5], None, "is no MCP server"),
        (5, None, "is no MCP server"),
    ],
)
def test_what_nothing_can_be_connected_to(server: Any, headers: Any, problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem):
        target_of(server, headers)


def test_servers_are_named_without_secrets() -> None:
    assert target_of("https://me:secret@host:1/mcp?key=x", None).name == "https://host:1/mcp"
    command = StdioServerParameters(command="uvx", args=["a b"], env={"KEY": "secret"})
    assert target_of(command, None).name == "uvx 'a b'"


def test_a_name_that_the_module_does_not_have() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        getattr(trioflow_mcp, "nothing")  # noqa: B009  # what the type checker would refuse
