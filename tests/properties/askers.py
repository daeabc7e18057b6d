"""Generated workflows whose steps ask for answers, and a witness of what their bodies did."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any, Literal

import attrs
import trio
from hypothesis import strategies as st

from trioflow import Step, StepContext, Workflow, step
from trioflow.nodes import OnError
from trioflow.testing.strategies._bodies import digest

Flow = Workflow[Any, Any]


@attrs.frozen
class Asker:
    """A step that suspends so many times before it does its work."""

    id: str
    asks: int
    seconds: float
    then: Literal["succeeds", "fails", "falls back"] = "succeeds"


@attrs.frozen
class Nested:
    """A workflow of these nodes."""

    id: str
    nodes: tuple[Node, ...]


Target = Asker | Nested


@attrs.frozen
class Node:
    """A node of the workflow; what it needs depends on its kind."""

    kind: str
    targets: tuple[Target, ...] = ()
    number: int = 0
    """Of a loop the iterations, of a foreach the items, of a sleep the seconds."""
    concurrency: int = 1
    collects: bool = False
    """Whether it collects the failures of its items or arms."""

    @property
    def on_error(self) -> OnError:
        return "collect" if self.collects else "cancel"


@attrs.define
class Deeds:
    """What the bodies of one built workflow did."""

    begun: Counter[str] = attrs.field(factory=Counter)
    """How often the body of each step call was entered, by the address of the call."""
    done: Counter[str] = attrs.field(factory=Counter)
    """How often it came to its end."""
    decided: Counter[str] = attrs.field(factory=Counter)
    """How often conditions and mapping functions were called."""
    asks: dict[str, int] = attrs.field(factory=dict)
    """How many questions the body of each step call has."""


@st.composite
def flows(draw: st.DrawFn, max_depth: int = 2) -> Nested:
    """Generate workflows in which every kind of node may hold steps that ask.

    Steps fail only where failures are collected, so that the outcome is always the same.
    """
    numbers = count()

    def target(depth: int, may_fail: bool) -> Target:
        if depth and draw(st.integers(0, 3)) == 0:
            return flow(depth - 1, may_fail)
        asks = draw(st.sampled_from([0, 1, 1, 2]))
        seconds = draw(st.sampled_from([0, 0, 1, 2]))
        return Asker(f"s{next(numbers)}", asks, seconds, draw(FAILING if may_fail else GOOD))

    def node(depth: int, may_fail: bool) -> Node:
        kind = draw(
            st.sampled_from(["then", "parallel", "branch", "loop", "foreach", "map", "sleep"])
        )
        arms = draw(st.integers(1, 3)) if kind in ("parallel", "branch") else 1
        collects = kind in ("parallel", "branch", "foreach") and draw(st.booleans())
        inside = collects if kind in ("parallel", "branch", "foreach") else may_fail
        targets = tuple(target(depth, inside) for _ in range(arms if kind in HOLDING else 0))
        return Node(kind, targets, draw(st.integers(0, 3)), draw(st.integers(1, 3)), collects)

    def flow(depth: int, may_fail: bool) -> Nested:
        nodes = tuple(node(depth, may_fail) for _ in range(draw(st.integers(1, 3))))
        return Nested(f"w{next(numbers)}", nodes)

    return flow(max_depth, may_fail=False)


HOLDING = ("then", "parallel", "branch", "loop", "foreach")
"""The kinds of nodes that hold others."""
Then = Literal["succeeds", "fails", "falls back"]
GOOD: st.SearchStrategy[Then] = st.sampled_from(["succeeds", "succeeds", "falls back"])
FAILING: st.SearchStrategy[Then] = st.sampled_from(["succeeds", "fails", "falls back"])


def build(spec: Nested, deeds: Deeds, *, asking: bool = True, writing: bool = False) -> Flow:
    """Return the workflow; one that is not *asking* never suspends, one that is *writing* has
    chunks."""
    return _Builder(deeds, asking, writing).flow(spec)


@attrs.define
class _Builder:
    deeds: Deeds
    asking: bool
    writing: bool
    names: Any = attrs.field(factory=count)

    def flow(self, spec: Nested) -> Flow:
        workflow: Flow = Workflow(spec.id, input=Any, output=Any)
        for node in spec.nodes:
            workflow = self.add(workflow, node)
        return workflow

    def add(self, workflow: Flow, node: Node) -> Flow:
        name = f"n{next(self.names)}"
        targets = [self.target(spec) for spec in node.targets]
        match node.kind:
            case "then":
                return workflow.then(targets[0])
            case "parallel":
                return workflow.parallel(*targets, on_error=node.on_error)
            case "branch":
                # Of three arms, which hold is told by the bits of the number.
                arms = [
                    (self.decides(f"{name}.{n}", bool(node.number & (1 << n))), target)
                    for n, target in enumerate(targets)
                ]
                return workflow.branch(*arms, on_error=node.on_error)
            case "loop":
                return workflow.dountil(targets[0], self.repeats(name, node.number))
            case "foreach":
                listed = workflow.map(self.lists(name, node.number), id=f"{name}-items")
                return listed.foreach(
                    targets[0], concurrency=node.concurrency, on_error=node.on_error
                )
            case "sleep":
                return workflow.sleep(node.number, id=name)
        return workflow.map(self.maps(name), id=name)

    def target(self, spec: Target) -> Any:
        return self.flow(spec) if isinstance(spec, Nested) else self.asker(spec)

    def asker(self, spec: Asker) -> Step[Any, Any]:
        deeds, asks, writing = self.deeds, spec.asks if self.asking else 0, self.writing

        def fallback(error: BaseException) -> int:
            return digest(spec.id, type(error).__name__)

        @step(id=spec.id, fallback=fallback if spec.then == "falls back" else None)
        async def body(value: Any, ctx: StepContext[Any]) -> int:
            address = ctx.step_call_id.partition(":")[2]
            deeds.begun[address] += 1
            deeds.asks[address] = asks
            asked = ctx.suspend_data["asked"] if ctx.suspend_data else 0
            assert (ctx.resume_data == f"answer {asked}") == (asked > 0)
            await trio.sleep(spec.seconds)
            if writing:
                await ctx.write({"asked": asked})
            if asked < asks:
                ctx.suspend({"asked": asked + 1}, label=address)
            deeds.done[address] += 1
            if spec.then != "succeeds":
                raise ValueError(spec.id)
            return digest(spec.id, value)

        return body

    # ------------------------------------------------------------ functions
    def decides(self, name: str, holds: bool) -> Any:
        def condition(value: Any) -> bool:
            self.deeds.decided[name] += 1
            return holds

        return condition

    def repeats(self, name: str, times: int) -> Any:
        def enough(value: Any, ctx: Any) -> bool:
            self.deeds.decided[name] += 1
            return bool(ctx.iteration >= times)

        return enough

    def lists(self, name: str, items: int) -> Any:
        def mapping(value: Any) -> list[int]:
            self.deeds.decided[name] += 1
            return [digest(name, value, index) for index in range(items)]

        return mapping

    def maps(self, name: str) -> Any:
        def mapping(value: Any) -> int:
            self.deeds.decided[name] += 1
            return digest(name, value)

        return mapping
