"""How errors and failures are told."""

from __future__ import annotations

from typing import Any

from trio.testing import MockClock

from tests.flows import add_one, fails, sleeps
from trioflow import RunResult, Workflow, step
from trioflow._cli.errors import explain
from trioflow._cli.failures import canceled_steps, explain_failure, failures
from trioflow.errors import Fault, InvalidValueError, PluginImportError


def flow(id: str = "flow") -> Workflow[Any, Any]:
    return Workflow(id, input=int)


async def failed(workflow: Workflow[Any, Any]) -> RunResult[Any]:
    result = await workflow.create_run().start(1)
    assert result.status == "failed"
    return result


@step
async def boom(value: int) -> int:
    return helper(value)


def helper(value: int) -> int:
    raise ValueError(f"bad value {value}")


@step
async def chained(value: int) -> int:
    try:
        return helper(value)
    except ValueError as exc:
        raise RuntimeError("while helping") from exc


@step
async def deep(value: int) -> int:
    return recurse(value, 50)


def recurse(value: int, depth: int) -> int:
    return recurse(value, depth - 1) if depth else helper(value)


# ---------------------------------------------------------------- failures
async def test_a_failed_step_is_told_with_its_own_part_of_the_traceback() -> None:
    text = explain_failure(await failed(flow().then(add_one).then(boom)))

    lines = text.splitlines()
    assert lines[:2] == ["step 'boom' failed", "Traceback (most recent call last):"]
    assert [line.rpartition(" in ")[2] for line in lines if line.startswith("  File")] == [
        "boom",
        "helper",
    ]
    assert lines[-1] == "ValueError: bad value 2"


async def test_causes_are_told_without_the_engine_too() -> None:
    text = explain_failure(await failed(flow().then(chained)))

    assert "ValueError: bad value 1" in text
    assert "direct cause" in text
    assert text.endswith("RuntimeError: while helping")
    assert "trioflow/engine" not in text


async def test_a_long_traceback_is_cut() -> None:
    text = explain_failure(await failed(flow().then(deep)))

    assert text.count("  File ") <= 8
    assert "in helper" in text


async def test_a_blocking_step_is_told_without_the_thread() -> None:
    @step
    def blocks(value: int) -> int:
        return helper(value)

    text = explain_failure(await failed(flow().then(blocks)))

    assert text.count("  File ") == 2


async def test_a_nested_step_is_told_once() -> None:
    inner = flow("inner").then(boom)
    result = await failed(flow().then(flow("middle").then(inner)))

    assert [where for where, _ in failures(result)] == ["step 'middle.inner.boom'"]


async def test_several_failures_are_told_one_after_the_other() -> None:
    arms = [fails(ValueError(name), id=name) for name in ("a", "b")]
    result = await failed(flow().parallel(*arms, on_error="finish"))

    assert sorted(where for where, _ in failures(result)) == ["step 'a'", "step 'b'"]


async def test_what_fails_outside_of_steps_is_told_of_the_workflow() -> None:
    def wrong(value: int) -> bool:
        raise KeyError("missing")

    result = await failed(flow().branch((wrong, add_one)))

    [(where, error)] = failures(result)
    assert where == "workflow 'flow'"
    assert isinstance(error, KeyError)


async def test_a_value_that_does_not_fit_is_told_without_traceback() -> None:
    @step
    async def lies(value: int) -> Any:
        return {"not": "a number"}

    text = explain_failure(await failed(flow().then(lies).then(add_one)))

    assert text.splitlines() == [
        "step 'add_one' failed: input of step 'add_one' is invalid",
        "  value: expected int, received dict",
    ]


async def test_messages_cannot_play_with_the_terminal() -> None:
    text = explain_failure(await failed(flow().then(fails(ValueError("\x1b[2J\nnext line")))))

    assert text.replace("\n", "").isprintable()
    assert "next line" in text


# ---------------------------------------------------------------- errors
def test_faults_have_a_line_each() -> None:
    faults = (Fault("a.b", "expected int, received str"), Fault("", "unknown key"))

    assert explain(InvalidValueError("input", "workflow 'w'", faults)).splitlines() == [
        "input of workflow 'w' is invalid",
        "  a.b: expected int, received str",
        "  value: unknown key",
    ]


def test_other_errors_are_their_text() -> None:
    error = PluginImportError("files", "trioflow-files 1.0", "it is broken", "repair it")

    assert explain(error) == "plugin 'files' (trioflow-files 1.0): it is broken; repair it"


# ---------------------------------------------------------------- cancellation
async def test_only_the_innermost_of_what_was_canceled_is_named(autojump_clock: MockClock) -> None:
    inner = flow("inner").then(sleeps(9))
    run = flow().then(add_one).parallel(inner, sleeps(9, id="slow")).create_run()
    async with run.stream(1) as stream:
        async for event in stream:
            if event.type == "step-start" and event.at > 0 and len(run.record.calls) == 4:
                run.cancel()
        result = await stream.get_workflow_state()

    assert sorted(canceled_steps(result)) == ["inner.sleeps", "slow"]
