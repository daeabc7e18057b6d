"""Promises about runs: values as inputs and outputs of workflows, steps and tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from trioflow._values.structure import type_name
from trioflow.context import StepContext
from trioflow.steps import Step, step
from trioflow.testing._converters.bench import Bench, Promise, Refused, expect, expect_same
from trioflow.testing._converters.engine import run_each
from trioflow.testing._converters.examples import TypeExamples
from trioflow.testing._converters.values import shortened
from trioflow.tools import Tool, tool
from trioflow.workflow import Workflow


def runs_take_and_give_values(bench: Bench) -> None:
    """Check input and output of workflows and steps, and their events."""
    for each in bench.types:
        got: list[Any] = []
        workflow = Workflow[Any, Any]("check", input=each.type, output=each.type)
        for id in ("first", "second"):
            workflow = workflow.then(_keeper(each.type, got).clone(id))
        taken = list(taken_by(each))
        refused = list(refused_by(bench, each))
        starts = [{"input_data": given} for given, _ in [*taken, *refused]]
        seen = run_each(bench, workflow, starts)
        for (given, value), run in zip(taken, seen, strict=False):
            expect(run.unwrap(), value, f"the output of a run with the input {shortened(given)}")
            expect(got[:2], [value, value], f"the inputs of steps for {shortened(given)}")
            for found in (run.unwrap(), *got[:2]):
                if given is value:
                    expect_same(found, value, f"a {type_name(each.type)} in a run")
            for payload in run.payloads("step-result"):
                expect(payload["output"], bench.write(value), f"{shortened(value)} in an event")
            del got[:2]
        for (given, paths), run in zip(refused, seen[len(taken) :], strict=True):
            run.expect_faults(paths, f"{shortened(given)} as the input of a run")


def _keeper(type_: Any, got: list[Any]) -> Step[Any, Any]:
    """Return a step that returns its input."""

    @step(input=type_, output=type_)
    async def same(value: Any) -> Any:
        got.append(value)
        return value

    return same


def taken_by(each: TypeExamples) -> Iterator[tuple[Any, Any]]:
    """Yield fitting input, as values and as JSON, with the value that steps must get."""
    for value in each.fitting():
        yield value, value
    yield from each.readings()


def refused_by(bench: Bench, each: TypeExamples) -> Iterator[tuple[Any, set[str]]]:
    """Yield input that does not fit but can be passed to a run, with the paths of its faults."""
    for given, _ in each.refusals():
        outcome = bench.read(each.type, given)
        # None is the input of runs and steps without input.
        if given is not None and isinstance(outcome, Refused) and bench.can_write(given):
            yield given, outcome.paths


# ---------------------------------------------------------------- tools
def tools_take_and_stream_values(bench: Bench) -> None:
    """Check arguments and pieces of tools, and the events of both."""
    for each in bench.types:
        workflow = Workflow[Any, Any]("check").then(_caller(_streamer(each.type)))
        taken = list(taken_by(each))
        refused = list(refused_by(bench, each))
        starts = [{"input_data": given} for given, _ in [*taken, *refused]]
        seen = run_each(bench, workflow, starts)
        for (given, value), run in zip(taken, seen, strict=False):
            expect(run.unwrap(), [value], f"the output of a tool for {shortened(given)}")
            [payload] = run.payloads("tool-call-delta")
            expect(payload["argsTextDelta"], bench.write(value), f"{shortened(value)} in an event")
        for (given, paths), run in zip(refused, seen[len(taken) :], strict=True):
            run.expect_faults(paths, f"{shortened(given)} as the argument of a tool")


def _streamer(type_: Any) -> Tool[..., Any]:
    """Return a tool that yields its argument."""

    async def pieces(value: Any) -> AsyncIterator[Any]:
        yield value

    pieces.__annotations__ = {"value": type_, "return": AsyncIterator[type_]}
    return tool(pieces)


def _caller(called: Tool[..., Any]) -> Step[Any, Any]:
    """Return a step that calls a tool with its input."""

    @step
    async def call(value: Any, ctx: StepContext[Any]) -> Any:
        return await ctx.call_tool(called, value=value)

    return call


PROMISES = (
    Promise("values can be inputs and outputs of runs", runs_take_and_give_values),
    Promise("values can be arguments and pieces of tools", tools_take_and_stream_values),
)
