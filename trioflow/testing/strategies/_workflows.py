"""Strategies for workflows of every node kind, and for their inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs
from hypothesis import strategies as st

from trioflow.nodes import OnError
from trioflow.retry import Retry
from trioflow.testing.strategies import _specs as s
from trioflow.testing.strategies._building import build
from trioflow.workflow import Workflow

T = TypeVar("T")

MAX_DEPTH = 4
"""Maximum nesting depth of workflows."""
MAX_CALLS = 60
"""Approximate maximum number of calls in a run."""


@attrs.frozen
class Taste:
    """What generated workflows may contain."""

    limits: bool = True
    """Steps and tools with a limit; requires an engine with `LIMITS`."""
    cancels: bool = True
    """Steps that cancel the run."""
    asks: bool = False
    """Steps that ask a question, which suspends the run."""
    on_error: tuple[OnError, ...] = ("cancel", "finish", "collect")
    events: tuple[str, ...] = ("go", "late", "never")
    """The events to wait for; a wait for ``"never"`` always has a timeout."""
    depth: int = MAX_DEPTH
    calls: int = MAX_CALLS


WITHOUT_ENGINE = Taste(limits=False)
ANY = Taste()


def inputs() -> st.SearchStrategy[Any]:
    """Generate inputs for the workflows of `workflows`, which take any JSON value.

    They are small numbers, None, short strings and a dict. What a body does depends on its input;
    with few different inputs, Hypothesis soon finds the interesting ones.
    """
    return st.one_of(st.integers(-5, 5), st.none(), st.text("ab", max_size=2), st.just({"a": [1]}))


def workflows(taste: Taste = WITHOUT_ENGINE) -> st.SearchStrategy[Workflow[Any, Any]]:
    """Generate workflows that finish by themselves. Their spec is in ``metadata["spec"]``.

    Their steps succeed, fail, fail and then succeed, fall back, sleep, write, call tools, set
    state, wait for events, bail, cancel their run and exceed timeouts; their blocks cancel, finish
    or collect. Send the events ``"go"`` and ``"late"`` that they wait for; each wait for
    ``"never"`` has a timeout. They sleep for long times: run them on a
    `trioflow.testing.VirtualClock`.

    Args:
      taste: What workflows may contain. By default nothing that needs limits of an engine; with
        ``Taste()``, an engine must have ``limits=LIMITS``.
    """
    return workflow_specs(taste).map(build)


@st.composite
def workflow_specs(draw: st.DrawFn, taste: Taste = ANY) -> s.WorkflowSpec:
    """Generate specs of workflows: complete descriptions, which a model can interpret.

    `build` returns the workflow of a spec.
    """
    return _Generator(draw, taste).workflow("w", taste.depth, taste.calls)


# ---------------------------------------------------------------- choices
# All strategies are created here, once: creating them for each draw would take longer than
# running the workflows. `_Generator` only draws from them.
FLAGS = st.booleans()
FOR_ONCE = st.sampled_from([False] * 5 + [True])
SOMETIMES = st.sampled_from([False, False, True])
OFTEN = st.sampled_from([False] + [True] * 5)
RARELY = st.sampled_from([False] * 15 + [True])
COUNTS = st.sampled_from([0, 1, 2, 3])
SIZES = st.sampled_from([1, 2, 2, 3])
TOP_SIZES = st.sampled_from([1, 2, 2, 3, 3, 4])
ITEMS = st.integers(0, 4)
CONCURRENCIES = st.sampled_from([1, 2, 3, 10])
SECONDS = st.sampled_from([0.0, 0.25, 1.0, 10.0])
CLEANUPS = st.sampled_from([0.0, 0.0, 0.5])
TIMEOUTS = st.sampled_from([3 / 8, 9 / 8, 45 / 8])
WAITS = st.sampled_from([21 / 64, 73 / 64, 361 / 64])
STEP_LIMITS = st.sampled_from([None, None, "a", "b"])
# Steps take limit a before tools take limit b, so that they cannot deadlock.
TOOL_LIMITS = st.sampled_from([None, None, "b"])
CONDITIONS: st.SearchStrategy[Any] = st.sampled_from(["true"] * 10 + ["false"] * 5 + ["raises"])
MAPS: st.SearchStrategy[Any] = st.sampled_from(
    [*["function", "async function", "object"] * 4, "raises", "nowhere"]
)
SLEEPS: st.SearchStrategy[Any] = st.sampled_from(
    [*["seconds", "function", "until past", "until far"] * 3, "raises"]
)
RETRIES = st.builds(
    Retry,
    attempts=st.sampled_from([1, 2, 2, 3, 3]),
    delay=st.sampled_from([0.0, 0.5]),
    backoff=st.sampled_from([1.0, 2.0]),
    on=st.sampled_from([(Exception,)] * 4 + [(TimeoutError,), (OSError, ValueError)]),
)
FALLBACKS = st.builds(s.FallbackSpec, SECONDS, st.sampled_from([False] * 3 + [True]), FLAGS, OFTEN)
WRITES = st.builds(s.Write, st.integers(1, 4))
NAPS = st.builds(s.Nap, SECONDS, CLEANUPS)
FAILS_ONCE = st.builds(s.Fail, st.just(1), st.sampled_from([False] * 4 + [True]), st.just(1))
FAILS = st.builds(s.Fail, st.sampled_from([2, 99]), FLAGS, st.sampled_from([1, 2]))


@attrs.frozen
class _Generator:
    """Draws the parts of a workflow.

    *id* is unique in its workflow, *depth* is the maximum nesting depth of the part, and *calls*
    the approximate maximum number of its calls.
    """

    draw: st.DrawFn
    taste: Taste

    def one_of(self, choices: Sequence[Callable[[], T]]) -> T:
        """Return what one of these functions returns."""
        return choices[self.draw(_index(len(choices)))]()

    def workflow(self, id: str, depth: int, calls: int) -> s.WorkflowSpec:
        count = self.draw(TOP_SIZES if depth == self.taste.depth else COUNTS)
        nodes: list[s.NodeSpec] = []
        for position in range(count):
            nodes.append(self.node(f"s{position}", depth, calls // count, nodes))
        return s.WorkflowSpec(id, tuple(nodes), self.retry())

    # ------------------------------------------------------------ nodes
    def node(self, id: str, depth: int, calls: int, before: list[s.NodeSpec]) -> s.NodeSpec:
        rare: list[Callable[[], s.NodeSpec]] = [
            lambda: self.map(id, before),
            lambda: s.SleepSpec(id, self.draw(SLEEPS), self.draw(SECONDS)),
            lambda: self.wait(id, depth, calls),
        ]
        blocks: list[Callable[[], s.NodeSpec]] = [
            lambda: s.ThenSpec(self.target(id, depth, calls)),
            lambda: s.ParallelSpec(self.arms(id, depth, calls), self.on_error()),
            lambda: self.branch(id, depth, calls),
            lambda: self.loop(id, depth, calls),
            lambda: self.foreach(id, depth, calls),
        ]
        return self.one_of(rare if self.draw(FOR_ONCE) else blocks)

    def arms(self, id: str, depth: int, calls: int) -> tuple[s.TargetSpec, ...]:
        letters = "abc"[: self.draw(SIZES)]
        return tuple(
            self.target(f"{id}{letter}", depth, calls // len(letters)) for letter in letters
        )

    def branch(self, id: str, depth: int, calls: int) -> s.BranchSpec:
        arms = [(self.draw(CONDITIONS), arm) for arm in self.arms(id, depth, calls)]
        return s.BranchSpec(tuple(arms), self.on_error())

    def loop(self, id: str, depth: int, calls: int) -> s.LoopSpec:
        times = self.draw(SIZES)
        return s.LoopSpec(self.target(id, depth, calls // times), times, self.draw(FLAGS))

    def foreach(self, id: str, depth: int, calls: int) -> s.ForEachSpec:
        items = self.draw(ITEMS)
        target = self.target(id, depth, calls // max(items, 1))
        return s.ForEachSpec(target, items, self.draw(CONCURRENCIES), self.on_error())

    def map(self, id: str, before: list[s.NodeSpec]) -> s.MapSpec:
        steps = [node.target.id for node in before if isinstance(node, s.ThenSpec | s.LoopSpec)]
        how = self.draw(MAPS)
        position = self.draw(st.integers(-1, len(steps) - 1)) if steps else -1
        return s.MapSpec(id, how, None if position < 0 else steps[position])

    def wait(self, id: str, depth: int, calls: int) -> s.WaitSpec:
        event, timeout = self.event()
        return s.WaitSpec(event, self.target(id, depth, calls), timeout)

    # ------------------------------------------------------------ targets
    def target(self, id: str, depth: int, calls: int) -> s.TargetSpec:
        if depth > 1 and calls > 1 and self.draw(FLAGS):
            # Not just the id of the node, because a workflow must not contain its own id.
            return self.workflow(f"{id}w{depth}", depth - 1, calls)
        return self.tool(id) if self.draw(FOR_ONCE) else self.step(id)

    def step(self, id: str) -> s.StepSpec:
        return s.StepSpec(
            id=id,
            ops=tuple(self.op(id) for _ in range(self.draw(TOP_SIZES))),
            retry=self.retry(),
            timeout=self.draw(TIMEOUTS) if self.draw(SOMETIMES) else None,
            limit=self.draw(STEP_LIMITS) if self.taste.limits else None,
            only_int=self.draw(RARELY),
            fallback=self.draw(FALLBACKS) if self.draw(SOMETIMES) else None,
        )

    def tool(self, id: str) -> s.ToolSpec:
        return s.ToolSpec(
            id=id,
            pieces=self.draw(COUNTS) if self.draw(FLAGS) else None,
            seconds=self.draw(SECONDS),
            fails=self.draw(FOR_ONCE),
            limit=self.draw(TOOL_LIMITS) if self.taste.limits else None,
        )

    def op(self, id: str) -> s.Op:
        harmless: list[Callable[[], s.Op]] = [
            lambda: self.draw(WRITES),
            lambda: self.draw(NAPS),
            s.SetState,
            s.SetState,
            lambda: self.use(id),
            lambda: self.draw(FAILS_ONCE),
            *([lambda: s.Ask(None)] * 2 if self.taste.asks else []),
        ]
        final: list[Callable[[], s.Op]] = [
            lambda: self.draw(FAILS),
            s.FailInFirstRound,
            lambda: s.Await(*self.event()),
            s.Bail,
            *([s.CancelRun] if self.taste.cancels else []),
        ]
        # Ops that end a step or a run are rare, so that not all runs end early.
        return self.one_of(final if self.draw(FOR_ONCE) else harmless)

    def use(self, id: str) -> s.UseTool:
        tool = self.tool(id)
        # Several ops of a step may use a tool, so its behavior is also part of its id.
        name = f"{id}-t-{tool.pieces}-{tool.seconds}-{tool.fails}-{tool.limit}"
        take = self.draw(COUNTS) if tool.pieces is not None and self.draw(FLAGS) else None
        return s.UseTool(attrs.evolve(tool, id=name), self.draw(FLAGS), take)

    # ------------------------------------------------------------ options
    def retry(self) -> Retry | None:
        return self.draw(RETRIES) if self.draw(OFTEN) else None

    def on_error(self) -> OnError:
        choices = self.taste.on_error
        return choices[self.draw(_index(len(choices)))]

    def event(self) -> tuple[str, float | None]:
        """Return the name of an event, and the timeout of a wait for it."""
        name = self.taste.events[self.draw(_index(len(self.taste.events)))]
        return name, self.draw(WAITS) if name == "never" or self.draw(FLAGS) else None


_INDICES = [st.integers(0, max(size - 1, 0)) for size in range(10)]


def _index(size: int) -> st.SearchStrategy[int]:
    return _INDICES[size]
