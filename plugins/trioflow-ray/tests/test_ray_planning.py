"""What is refused before any cluster is there."""

from __future__ import annotations

import re
from typing import Any

import pytest
import ray
from ray_steps import bodies
from trioflow_ray import (
    ClusterStartError,
    CodeMissingError,
    NoNodeError,
    RayRunner,
    WorkerLostError,
    ray_options,
)

from trioflow import Workflow, open_engine, step
from trioflow.errors import DefinitionError, NonRetryableError


async def plan(body: Any) -> str:
    """Return why a step is refused when its workflow is planned."""
    with pytest.raises(DefinitionError) as caught:
        async with open_engine(plugins=[], runners={"ray": RayRunner()}) as engine:
            engine.create_run(Workflow[Any, Any]("w").then(body))
    assert not ray.is_initialized()
    return str(caught.value)


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (Exception("The current node timed out during startup."), ClusterStartError),
        (RuntimeError("Failed to connect to GCS."), ClusterStartError),
        (TypeError("init() got an unexpected keyword argument"), TypeError),
        (ValueError("num_cpus must be positive"), ValueError),
        (SystemExit(1), SystemExit),
    ],
    ids=repr,
)
async def test_a_cluster_of_its_own_that_does_not_start_is_told(
    failure: BaseException, raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**options: Any) -> None:
        raise failure

    monkeypatch.setattr(ray, "init", fails)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(raised, match=re.escape(str(failure))) as caught:
        async with RayRunner():
            pass
    assert caught.value is failure or caught.value.__cause__ is failure


async def test_options_are_checked_where_they_are_given() -> None:
    with pytest.raises(TypeError, match="no option 'num_gpu' for a step; did you mean 'num_gpus'"):
        ray_options(num_gpu=1)
    with pytest.raises(TypeError, match="no option 'max_retries' for a step; there are num_cpus,"):
        ray_options(max_retries=3)
    with pytest.raises(ValueError, match="num_cpus must be a number >= 0, not -1"):
        ray_options(num_cpus=-1)
    assert dict(ray_options(num_gpus=1) | {"owner": "ml"}).keys() == {"ray", "owner"}


async def test_misspelt_options_in_metadata_are_refused_while_planning() -> None:
    wrong: Any = bodies.double.clone("wrong")

    @step(runner="ray", metadata={"ray": {"num_gpu": 1}})
    def local(value: int) -> int:
        return value

    local.fn.__qualname__ = wrong.fn.__qualname__
    local.fn.__module__ = wrong.fn.__module__
    refused = await plan(local)

    assert "cannot find its function by name" in refused or "num_gpu" in refused


@pytest.mark.parametrize("metadata", [{"ray": {"num_gpu": 1}}, {"ray": 5}])
async def test_bound_options_are_refused(metadata: Any) -> None:
    @step(runner="ray", metadata=metadata)
    def body(value: int) -> int:
        return value

    with pytest.raises(DefinitionError, match=r"step 'body': .*; use metadata=ray_options"):
        RayRunner().bind(body)


async def test_functions_that_nodes_cannot_find_are_refused() -> None:
    @step(runner="ray")
    def local(value: int) -> int:
        return value

    assert "cannot find its function by name" in await plan(local)


def test_functions_of_the_main_module_are_refused() -> None:
    def in_main() -> None: ...

    in_main.__module__, in_main.__qualname__ = "ray_steps.bodies", "double"
    with pytest.raises(DefinitionError):
        RayRunner().check(in_main, "step 's'")


@pytest.mark.parametrize(
    "wrong",
    [{"max_in_flight": 0}, {"grace": -1}, {"start_timeout": 0}, {"num_cpus": -1}],
    ids=str,
)
def test_impossible_arguments_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RayRunner(**wrong)


def test_errors_say_what_to_do() -> None:
    lost = WorkerLostError("train", "memory", None, "killed")
    none = NoNodeError("train", {"num_gpus": 1}, None)
    late = NoNodeError("train", {"num_gpus": 1}, 5.0)
    code = CodeMissingError("train", "torch", "n1")

    assert "worker process (too little memory) of step 'train' was lost: killed" in str(lost)
    assert "can ever run step 'train', which needs num_gpus=1" in str(none)
    assert "could within 5 s run step 'train'" in str(late)
    assert "node n1 of the Ray cluster cannot import 'torch', which step 'train' needs" in str(code)
    assert isinstance(none, NonRetryableError)
    assert isinstance(code, NonRetryableError)
    assert not isinstance(lost, NonRetryableError)
