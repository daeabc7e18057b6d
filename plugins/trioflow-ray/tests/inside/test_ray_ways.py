"""What a runner can be given: a window, variables, environments, a limit for sizes."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import ray
import trio
from opentelemetry import context, trace
from ray_steps import ways
from trioflow_ray import CodeMissingError, RayRunner

from trioflow.errors import DefinitionError
from trioflow.events import StepOutput, StepResult
from trioflow.runners.remote import NotPicklableError

from .conftest import Opening
from .flows import flow, start

COUNT = 250
TRACE = 0x0AF7651916CD43DD8448EB211C80319C


FAR_CODE = """
import trioflow

@trioflow.step(runner="ray")
def far(value):
    return value + 1
"""


async def test_chunks_and_records_arrive_in_order_and_before_the_end(
    open_ray: Opening, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    logged: list[Any] = []
    chunks: list[Any] = []
    async with open_ray(window=32) as engine:
        run = engine.create_run(flow(ways.chatter))
        async with run.stream(COUNT) as stream:
            async for event in stream:
                if isinstance(event, StepOutput):
                    chunks.append(event.chunk)
                elif isinstance(event, StepResult):
                    logged = [record.args for record in caplog.records]
        waiting = engine.submit(flow(ways.mumble), str(tmp_path / "go"))
        with trio.fail_after(60):
            while "mumbling" not in caplog.messages:  # noqa: ASYNC110 - a thread knows
                await trio.sleep(0.01)
        (tmp_path / "go").touch()
        await waiting.wait()

    assert chunks == list(range(COUNT))
    assert logged == [(number,) for number in range(COUNT)]
    assert len(caplog.records) == COUNT + 1


async def test_bodies_have_variables_a_span_and_environments(
    open_ray: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["ray_steps.ways:request", "ray_steps.ways:unset", "ray_steps.ways:odd"]
    options = {"context_vars": names, "runtime_env": {"env_vars": {"MODE": "all"}}}
    around = trace.SpanContext(TRACE, 0x0B7AD6B7169203331, is_remote=False)
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(around)))
    async with open_ray(**options, warn_size=1000) as engine:
        ways.request.set("r-1")
        seen = [await engine.run(flow(body), 1) for body in (ways.look, ways.look_later)]
        modes = [await engine.run(flow(body), 1) for body in (ways.look_outside, ways.look_inside)]
        for _ in range(2):
            await engine.run(flow(ways.echo), b"x" * 2000)
        ways.odd.set(lambda: 1)
        refused = await start(engine, ways.tiny, 1)
    context.detach(token)

    assert seen == [["r-1", "none", f"{TRACE:032x}", True]] * 2
    assert modes == ["own", "all"]
    warnings = [message for message in caplog.messages if "bytes" in message]
    assert [message.split(" of ")[0] for message in warnings] == ["the input", "the output"]
    assert "pass a Ref, which stays on the cluster" in warnings[0]
    assert isinstance(refused.error, NotPicklableError)
    assert refused.error.what == "context variable 'ray_steps.ways:odd'"


async def test_variables_that_do_not_exist_are_refused(cluster: Any) -> None:
    for name in ("ray_steps.ways:nothing", "ray_steps.ways:echo", "nowhere:at_all"):
        with pytest.raises(DefinitionError, match=f"no context variable '{name}'"):
            async with RayRunner(context_vars=[name]):
                pass
    runner = RayRunner()
    with pytest.raises(trio.ClosedResourceError):
        runner.cluster_resources()
    async with runner:
        assert runner.cluster_resources()["big"] == 1
        with pytest.raises(RuntimeError, match="this RayRunner is already open"):
            await runner.__aenter__()


async def test_code_that_nodes_do_not_have(
    open_ray: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far_code.py").write_text(FAR_CODE)
    monkeypatch.syspath_prepend(tmp_path)
    far: Any = importlib.import_module("far_code").far
    async with open_ray() as engine:
        error = (await start(engine, far, 1)).error

    assert isinstance(error, CodeMissingError)
    assert (error.module, error.step) == ("far_code", "far")
    nodes: Any = ray.nodes  # it has no types
    assert error.node in {node["NodeID"] for node in nodes()}


def test_code_that_is_sent_to_the_nodes(cluster: Any, tmp_path: Path) -> None:
    package = tmp_path / "far_code"
    package.mkdir()
    (package / "__init__.py").write_text(FAR_CODE)
    program = Path(__file__).with_name("sender.py")
    command = [sys.executable, str(program), cluster.address, str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "2\n"
