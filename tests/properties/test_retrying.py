"""Generated workflows whose steps fail at first, retried until they succeed, and forked."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import attrs
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.properties.scale import examples
from trioflow import (
    Engine,
    Failed,
    Ok,
    Run,
    RunResult,
    Step,
    StepContext,
    Workflow,
    fold,
    open_engine,
    step,
)
from trioflow._ids import original_id
from trioflow.addresses import Address
from trioflow.nodes import OnError
from trioflow.stores import MemoryStore
from trioflow.testing import check_events
from trioflow.testing.strategies._bodies import plain

Flow: TypeAlias = Workflow[Any, Any]
ENOUGH = 200
"""More retries than any example needs: each lets at least one call end well."""


# ---------------------------------------------------------------- what is generated
@attrs.frozen
class Node:
    """One node of a workflow: what it is, and what it contains."""

    kind: Literal["step", "falls back", "parallel", "foreach", "nested", "loop"]
    inner: tuple[tuple[Node, ...], ...] = ()
    on_error: OnError = "cancel"
    concurrency: int = 1


ON_ERROR = st.sampled_from(("cancel", "finish", "collect"))


def nodes(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    sequence = st.lists(inner, min_size=1, max_size=2).map(tuple)
    one, several = st.tuples(sequence), st.lists(sequence, min_size=2, max_size=3)
    return st.one_of(
        st.builds(Node, st.just("nested"), one),
        st.builds(Node, st.just("foreach"), one, ON_ERROR, st.integers(1, 3)),
        st.builds(Node, st.just("parallel"), several.map(tuple), ON_ERROR),
    )


LEAVES = st.builds(Node, st.sampled_from(("step", "step", "loop", "falls back")))
NODES = st.recursive(LEAVES, nodes, max_leaves=5)
SPECS = st.lists(NODES, min_size=1, max_size=3).map(tuple)


def has_failures_in_outputs(spec: tuple[Node, ...]) -> bool:
    """Return whether a call may fail without its run, so that the output depends on it."""
    return any(
        node.on_error == "collect"
        or node.kind == "falls back"
        or any(map(has_failures_in_outputs, node.inner))
        for node in spec
    )


@attrs.define(eq=False)
class Deeds:
    """How often each call fails before it ends well, and how often it did."""

    seed: int
    most: int
    failed: Counter[str] = attrs.field(factory=Counter)
    ended_well: Counter[str] = attrs.field(factory=Counter)

    def step(self, id: str, **options: Any) -> Step[Any, Any]:
        @step(id=id, **options)
        async def body(value: int, ctx: StepContext) -> int:
            key = ctx.step_call_id
            chance = random.Random(f"{self.seed} {key.partition(':')[2]}")
            await trio.sleep(chance.choice((0, 0, 1)))
            if self.failed[key] < chance.randint(0, self.most):
                self.failed[key] += 1
                raise ValueError(key)
            self.ended_well[key] += 1
            return value + 1

        return body

    def build(self, spec: tuple[Node, ...], id: str = "w") -> Flow:
        """Return a workflow of ints."""
        workflow: Flow = Workflow(id, input=Any, output=Any)
        for number, node in enumerate(spec):
            workflow = self._with(workflow, node, f"n{number}")
        return workflow

    def _with(self, workflow: Flow, node: Node, id: str) -> Flow:
        parts = [self.build(part, f"{id}{number}") for number, part in enumerate(node.inner)]
        match node.kind:
            case "step":
                return workflow.then(self.step(id))
            case "falls back":
                return workflow.then(self.step(id, fallback=lambda error: 1))
            case "loop":
                return workflow.dountil(self.step(id), lambda _, ctx: ctx.iteration >= 2)
            case "nested":
                return workflow.then(parts[0])
            case "parallel":
                joined = workflow.parallel(*parts, on_error=node.on_error)
                return joined.map(lambda outputs: total(outputs.values()))
            case "foreach":
                listed = workflow.map(lambda value: [value, value + 1, value + 2])
                return listed.foreach(
                    parts[0], concurrency=node.concurrency, on_error=node.on_error
                ).map(total)


def total(outputs: Iterable[int | Ok[int] | Failed]) -> int:
    """Return the sum of the outputs of items or arms; failures that are collected do not count."""
    values = [output.value if isinstance(output, Ok) else output for output in outputs]
    return sum(value for value in values if isinstance(value, int))


@attrs.define(eq=False)
class Play:
    """Runs a workflow, retries it until it succeeds, and forks it then."""

    workflow: Flow
    chance: random.Random
    store: MemoryStore | None
    runs: list[Run[Any, Any]] = attrs.field(factory=list)
    results: list[RunResult[Any]] = attrs.field(factory=list)

    async def play(self) -> None:
        options: Any = {"plugins": [], "store": self.store, "workflows": [self.workflow]}
        async with open_engine(**options) as engine, open_engine(**options) as other:
            run = engine.create_run(self.workflow, run_id="r")
            await self.finish(run, await run.start(0))
            while self.results[-1].status != "success" and len(self.runs) < ENOUGH:
                retried = await (await self.hold(engine, other)).retry()
                await self.finish(retried, await self.start(engine, retried))
            step = self.chance.choice(destinations(self.runs[-1]))
            forked = await self.runs[-1].fork(step)
            result = await forked.start()
            while result.status != "success":  # its calls have other ids, and fail again
                forked = await forked.retry()
                result = await forked.start()
            await self.finish(forked, result)

    async def finish(self, run: Run[Any, Any], result: RunResult[Any]) -> None:
        self.runs.append(run)
        self.results.append(result)

    async def hold(self, engine: Engine, other: Engine) -> Run[Any, Any]:
        """Return the last run, now and then as another engine on the store knows it."""
        if self.store is not None and self.chance.random() < 0.3:
            return await other.load_run(self.runs[-1].run_id)
        return self.runs[-1]

    async def start(self, engine: Engine, retried: Run[Any, Any]) -> RunResult[Any]:
        if self.chance.random() < 0.5 or retried._life.environment is not engine._environment:
            return await retried.start()
        return await engine.submit(retried).wait()


def destinations(run: Run[Any, Any]) -> list[str]:
    """Return the steps at which a run can be forked: all but those inside of items."""
    return [
        id
        for id, record in run.record.steps.items()
        if all(outer.item is None for outer in Address.parse(record.address).walk())
    ]


LOOP_IN_AN_ARM = (
    Node("step"),
    Node("step"),
    Node(
        "parallel",
        ((Node("foreach", ((Node("step"),),), "collect", 2),), (Node("step"),)),
        "cancel",
    ),
)


@settings(max_examples=examples(25, 1500), deadline=None)
@example(LOOP_IN_AN_ARM, 0, 2, False)
@given(SPECS, st.integers(0, 2**16), st.integers(0, 2), st.booleans())
def test_what_ends_well_is_done_once_and_the_output_is_that_of_a_run_without_failures(
    spec: tuple[Node, ...], seed: int, most: int, is_durable: bool
) -> None:
    deeds = Deeds(seed, most)
    workflow = deeds.build(spec)
    play = Play(workflow, random.Random(seed), MemoryStore() if is_durable else None)
    clock = MockClock(autojump_threshold=0)
    trio.run(play.play, clock=clock)

    expected = trio.run(Deeds(seed, 0).build(spec).run, 0, clock=MockClock(autojump_threshold=0))
    if not has_failures_in_outputs(spec):
        assert [result.output for result in play.results[-2:]] == [expected] * 2
    ours = {key: count for key, count in deeds.ended_well.items() if key.startswith("r:")}
    assert set(ours.values()) <= {1}
    for run in play.runs:
        history = run._life.core.log.history()
        assert fold(history) == run.record
        check_events(history, workflow)
    assert {original_id(run.run_id) for run in play.runs[:-1]} == {"r"}
    for earlier, later in pairwise(play.runs[:-1]):
        assert good_outputs(earlier).items() <= good_outputs(later).items()


def good_outputs(run: Run[Any, Any]) -> dict[str, str]:
    """Return the outputs of the calls that have succeeded, with the failures collected in them."""
    calls = run.record.calls.items()
    return {
        address: repr(plain(call.output)) for address, call in calls if call.status == "success"
    }
