"""Builds workflows from their specs with the public builder."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any

import attrs
import trio

from trioflow.context import RunContext, StepContext
from trioflow.mapping import constant, from_input, from_step
from trioflow.steps import Step, step
from trioflow.testing.strategies import _specs as s
from trioflow.testing.strategies._bodies import (
    Body,
    GeneratedStepError,
    Witness,
    address_of,
    digest,
    fall_back,
    plain_tool,
    streaming_tool,
)
from trioflow.tools import Tool, tool
from trioflow.workflow import Workflow

Flow = Workflow[Any, Any]

LIMITS = {"a": 1, "b": 2}
"""The limits that generated steps and tools require of an engine, with their sizes."""
ONLY_INT: Any = Annotated[int, "the run finds out what does not fit"]
"""A type that is not judged when a workflow is planned, so that generated chains may not fit."""
PAST = datetime(2001, 1, 1, tzinfo=UTC)
FAR = datetime(2101, 1, 1, tzinfo=UTC)


def build(spec: s.WorkflowSpec, witness: Witness | None = None) -> Flow:
    """Return the workflow of a spec, and store the spec in its ``metadata["spec"]``."""
    return _Builder(witness or Witness()).workflow(spec)


@attrs.frozen
class _Builder:
    witness: Witness

    def workflow(self, spec: s.WorkflowSpec) -> Flow:
        workflow: Flow = Workflow(spec.id, retry=spec.retry, metadata={"spec": spec})
        for node in spec.nodes:
            workflow = _ADD[type(node)](self, workflow, node)
        return workflow

    # ------------------------------------------------------------ targets
    def target(self, spec: s.TargetSpec, concurrency: int | None = None) -> Any:
        match spec:
            case s.StepSpec():
                return self.step(spec, concurrency)
            case s.ToolSpec():
                return self.tool(spec)
        return self.workflow(spec)

    def step(self, spec: s.StepSpec, concurrency: int | None) -> Step[Any, Any]:
        """Return the step of *spec*; *concurrency* is the bound of the foreach around it."""
        tools = {
            op.tool.id: self.tool(op.tool, spec) for op in spec.ops if isinstance(op, s.UseTool)
        }

        @step(
            id=spec.id,
            input=ONLY_INT if spec.only_int else Any,
            retry=spec.retry,
            timeout=spec.timeout,
            limit=spec.limit,
            fallback=self.fallback(spec, concurrency),
        )
        async def body(value: Any, ctx: StepContext[Any]) -> int:
            with self.witness.watch("step", [*_limit(spec.limit), *_items(ctx, concurrency)]):
                return await Body(spec, tools, value, ctx).run()

        return body

    def fallback(self, spec: s.StepSpec, concurrency: int | None) -> Callable[..., Any] | None:
        if spec.fallback is None:
            return None
        seconds = spec.fallback.seconds

        async def later(error: BaseException, ctx: StepContext[Any]) -> int:
            with self.witness.watch("step", _items(ctx, concurrency)):
                await trio.sleep(seconds)
                return fall_back(spec, error, ctx)

        def at_once(error: BaseException, ctx: StepContext[Any]) -> int:
            return fall_back(spec, error, ctx)

        return later if spec.fallback.is_async else at_once

    def tool(self, spec: s.ToolSpec, caller: s.StepSpec | None = None) -> Tool[..., Any]:
        # A tool shares its caller's slot of a limit, so the slot counts once.
        bounds = [] if caller and caller.limit == spec.limit else _limit(spec.limit)
        if spec.pieces is None:

            @tool(id=spec.id, limit=spec.limit)
            async def plain(value: Any) -> int:
                with self.witness.watch("tool", bounds):
                    return await plain_tool(spec, value)

            return plain

        @tool(id=spec.id, limit=spec.limit)
        async def streaming(value: Any) -> AsyncGenerator[int, None]:
            with self.witness.watch("tool", bounds):
                async with aclosing(streaming_tool(spec, value)) as pieces:
                    async for piece in pieces:
                        yield piece

        return streaming

    # ------------------------------------------------------------ nodes
    def then(self, workflow: Flow, node: s.ThenSpec) -> Flow:
        return workflow.then(self.target(node.target))

    def parallel(self, workflow: Flow, node: s.ParallelSpec) -> Flow:
        return workflow.parallel(*map(self.target, node.arms), on_error=node.on_error)

    def branch(self, workflow: Flow, node: s.BranchSpec) -> Flow:
        arms = [(_condition(says), self.target(target)) for says, target in node.arms]
        return workflow.branch(*arms, on_error=node.on_error)

    def loop(self, workflow: Flow, node: s.LoopSpec) -> Flow:
        target = self.target(node.target)

        def more(value: Any, ctx: RunContext[Any]) -> bool:
            assert ctx.iteration is not None
            return ctx.iteration < node.times

        async def enough(value: Any, ctx: RunContext[Any]) -> bool:
            return not more(value, ctx)

        return workflow.dountil(target, enough) if node.until else workflow.dowhile(target, more)

    def foreach(self, workflow: Flow, node: s.ForEachSpec) -> Flow:
        target = self.target(node.target, node.concurrency)
        listed = workflow.map(lambda value: listing(node, value), id=f"{node.target.id}-items")
        return listed.foreach(target, concurrency=node.concurrency, on_error=node.on_error)

    def map(self, workflow: Flow, node: s.MapSpec) -> Flow:
        async def later(value: Any) -> int:
            return digest(node.id, value)

        match node.how:
            case "function":
                return workflow.map(lambda value: digest(node.id, value), id=node.id)
            case "async function":
                return workflow.map(later, id=node.id)
            case "raises":
                return workflow.map(_raise, id=node.id)
        sources: dict[str, Any] = {
            "constant": constant(1),
            "text": "${data} and ${input}",
            "computed": lambda data: digest(node.id, data),
        }
        if node.step is not None:
            sources["step"] = from_step(node.step)
        if node.how == "nowhere":
            sources["nowhere"] = from_input("no.such.path")
        return workflow.map(sources, id=node.id)

    def sleep(self, workflow: Flow, node: s.SleepSpec) -> Flow:
        match node.how:
            case "seconds":
                return workflow.sleep(node.seconds, id=node.id)
            case "function":
                return workflow.sleep(lambda _: node.seconds, id=node.id)
            case "raises":
                return workflow.sleep(_raise, id=node.id)
            case "until past":
                return workflow.sleep_until(PAST, id=node.id)
        return workflow.sleep_until(lambda _: FAR, id=node.id)

    def wait(self, workflow: Flow, node: s.WaitSpec) -> Flow:
        return workflow.wait_for_event(node.event, self.target(node.target), timeout=node.timeout)


_ADD: dict[type[Any], Callable[[_Builder, Flow, Any], Flow]] = {
    s.ThenSpec: _Builder.then,
    s.ParallelSpec: _Builder.parallel,
    s.BranchSpec: _Builder.branch,
    s.LoopSpec: _Builder.loop,
    s.ForEachSpec: _Builder.foreach,
    s.MapSpec: _Builder.map,
    s.SleepSpec: _Builder.sleep,
    s.WaitSpec: _Builder.wait,
}


def listing(node: s.ForEachSpec, value: Any) -> list[int]:
    """Return the items that a foreach iterates over."""
    return [digest("item", value, index) for index in range(node.items)]


def _condition(says: str) -> Callable[[Any], Any]:
    async def holds(value: Any) -> bool:
        return True

    conditions = {"true": holds, "false": lambda _: False, "raises": _raise}
    return conditions[says]


def _raise(value: Any) -> Any:
    raise GeneratedStepError("function")


def _limit(name: str | None) -> list[tuple[str, int]]:
    return [] if name is None else [(f"limit {name}", LIMITS[name])]


def _items(ctx: StepContext[Any], concurrency: int | None) -> list[tuple[str, int]]:
    """Return the bound on concurrent items of a foreach call, if the body is one of them."""
    if concurrency is None:
        return []
    return [(f"foreach {address_of(ctx).call} of {ctx.run_id}", concurrency)]
