"""Strategies for workflows of every node kind, and for their inputs."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st

from trioflow.retry import Retry
from trioflow.testing.strategies import specs as s
from trioflow.testing.strategies.building import build
from trioflow.workflow import Workflow

MAX_DEPTH = 4
"""How deep workflows are nested at most."""
MAX_CALLS = 40
"""About how many calls a run makes at most."""

SECONDS = st.sampled_from([0.0, 0.25, 1.0, 10.0])
TIMEOUTS = st.sampled_from([0.375, 1.125, 5.625])


@attrs.frozen
class Taste:
    """What generated workflows may contain."""

    limits: bool = True
    """Steps that ask the engine for a place in a limit."""
    aborts: bool = True
    on_error: tuple[Any, ...] = ("cancel", "finish")
    depth: int = MAX_DEPTH
    calls: int = MAX_CALLS


def inputs() -> st.SearchStrategy[Any]:
    """Generate inputs for the workflows of `workflows`, which take any JSON value."""
    return st.one_of(st.integers(-5, 5), st.none(), st.text("ab", max_size=2), st.just({"a": [1]}))


def workflows(taste: Taste = Taste(limits=False)) -> st.SearchStrategy[Workflow[Any, Any]]:
    """Generate workflows that end by themselves. Their spec is in ``metadata["spec"]``.

    Their steps succeed, fail, fail and then succeed, sleep, write, call tools, set state,
    wait for events, bail, abort and run past time-outs. Of events that they wait for,
    ``"go"`` should be sent at once; each wait for ``"never"`` has a time-out. They use
    limits, see `LIMITS`, only if *taste* says so, because these need an engine.
    """
    return workflow_specs(taste).map(build)


def workflow_specs(taste: Taste = Taste()) -> st.SearchStrategy[s.WorkflowSpec]:
    """Generate specs of workflows."""
    return _workflows(taste, "w", taste.depth, taste.calls)


@st.composite
def _workflows(draw: st.DrawFn, taste: Taste, id: str, depth: int, calls: int) -> s.WorkflowSpec:
    count = draw(st.sampled_from([0, 1, 2, 3] if depth < taste.depth else [1, 2, 3, 4]))
    nodes: list[s.NodeSpec] = []
    for position in range(count):
        earlier = [node.target.id for node in nodes if isinstance(node, s.ThenSpec | s.LoopSpec)]
        nodes.append(draw(_nodes(taste, f"s{position}", depth, calls // count, earlier)))
    return s.WorkflowSpec(id, tuple(nodes), draw(_retries()))


def _nodes(
    taste: Taste, id: str, depth: int, calls: int, earlier: list[str]
) -> st.SearchStrategy[s.NodeSpec]:
    blocks = st.one_of(
        _targets(taste, id, depth, calls).map(s.ThenSpec),
        _parallels(taste, id, depth, calls),
        _branches(taste, id, depth, calls),
        _loops(taste, id, depth, calls),
        _foreachs(taste, id, depth, calls),
    )
    return _seldom(
        st.one_of(_maps(id, earlier), _sleeps(id), _waits(taste, id, depth, calls)), blocks
    )


# ---------------------------------------------------------------- nodes
@st.composite
def _arms(
    draw: st.DrawFn, taste: Taste, id: str, depth: int, calls: int
) -> tuple[s.TargetSpec, ...]:
    count = draw(st.integers(1, 3))
    return tuple(
        draw(_targets(taste, f"{id}{letter}", depth, calls // count)) for letter in "abc"[:count]
    )


@st.composite
def _parallels(draw: st.DrawFn, taste: Taste, id: str, depth: int, calls: int) -> s.ParallelSpec:
    arms = draw(_arms(taste, id, depth, calls))
    return s.ParallelSpec(arms, draw(st.sampled_from(taste.on_error)))


@st.composite
def _branches(draw: st.DrawFn, taste: Taste, id: str, depth: int, calls: int) -> s.BranchSpec:
    arms = draw(_arms(taste, id, depth, calls))
    says = draw(
        st.tuples(*[st.sampled_from(["true"] * 10 + ["false"] * 5 + ["raises"])] * len(arms))
    )
    return s.BranchSpec(tuple(zip(says, arms, strict=True)), draw(st.sampled_from(taste.on_error)))


@st.composite
def _loops(draw: st.DrawFn, taste: Taste, id: str, depth: int, calls: int) -> s.LoopSpec:
    times = draw(st.integers(1, 3))
    return s.LoopSpec(draw(_targets(taste, id, depth, calls // times)), times, draw(st.booleans()))


@st.composite
def _foreachs(draw: st.DrawFn, taste: Taste, id: str, depth: int, calls: int) -> s.ForEachSpec:
    items = draw(st.integers(0, 4))
    target = draw(_targets(taste, id, depth, calls // max(items, 1)))
    concurrency = draw(st.sampled_from([1, 2, 3, 10]))
    return s.ForEachSpec(target, items, concurrency, draw(st.sampled_from(taste.on_error)))


@st.composite
def _maps(draw: st.DrawFn, id: str, earlier: list[str]) -> s.MapSpec:
    ways = [*["function", "async function", "object"] * 4, "raises", "nowhere"]
    return s.MapSpec(id, draw(st.sampled_from(ways)), draw(st.sampled_from([None, *earlier])))


@st.composite
def _sleeps(draw: st.DrawFn, id: str) -> s.SleepSpec:
    ways = [*["seconds", "function", "until past", "until far"] * 3, "raises"]
    return s.SleepSpec(id, draw(st.sampled_from(ways)), draw(SECONDS))


@st.composite
def _waits(draw: st.DrawFn, taste: Taste, id: str, depth: int, calls: int) -> s.WaitSpec:
    event, timeout = draw(_event_names())
    return s.WaitSpec(event, draw(_targets(taste, id, depth, calls)), timeout)


# ---------------------------------------------------------------- targets
def _targets(taste: Taste, id: str, depth: int, calls: int) -> st.SearchStrategy[s.TargetSpec]:
    steps = _seldom(_tools(taste, id), otherwise=_steps(taste, id))
    if depth == 1 or calls < 2:
        return steps
    # Not only the id of the node, because a workflow must not contain its own id.
    return st.one_of(steps, _workflows(taste, f"{id}w{depth}", depth - 1, calls))


@st.composite
def _steps(draw: st.DrawFn, taste: Taste, id: str) -> s.StepSpec:
    limit = draw(st.sampled_from([None, None, "a", "b"])) if taste.limits else None
    ops = draw(st.lists(_ops(taste, id), min_size=1, max_size=4))
    return s.StepSpec(
        id=id,
        ops=tuple(ops),
        retries=draw(_retries()),
        timeout=draw(_seldom(TIMEOUTS, otherwise=st.none())),
        limit=limit,
        only_int=draw(st.sampled_from([False] * 15 + [True])),
    )


@st.composite
def _tools(draw: st.DrawFn, taste: Taste, id: str) -> s.ToolSpec:
    return s.ToolSpec(
        id=id,
        pieces=draw(st.none() | st.integers(0, 3)),
        seconds=draw(SECONDS),
        fails=draw(st.sampled_from([False] * 4 + [True])),
        # Steps ask for a before tools ask for b, so that they cannot wait for each other.
        limit=draw(st.sampled_from([None, None, "b"])) if taste.limits else None,
    )


def _retries() -> st.SearchStrategy[Retry | None]:
    retries = st.builds(
        Retry,
        attempts=st.sampled_from([3, 2, 1]),
        delay=st.sampled_from([0.0, 0.5]),
        backoff=st.sampled_from([1.0, 2.0]),
        on=st.sampled_from([(Exception,), (Exception,), (TimeoutError,), (OSError, ValueError)]),
    )
    return _seldom(st.none(), otherwise=retries)


def _ops(taste: Taste, id: str) -> st.SearchStrategy[s.Op]:
    harmless: list[st.SearchStrategy[s.Op]] = [
        st.builds(s.Write, st.integers(1, 4)),
        st.builds(s.Nap, SECONDS, st.sampled_from([0.0, 0.0, 0.5])),
        st.just(s.SetState()),
        _uses(taste, f"{id}-t"),
        st.builds(s.Fail, st.just(1), st.just(False), st.sampled_from([1, 2])),
    ]
    final: list[st.SearchStrategy[s.Op]] = [
        st.builds(s.Fail, st.sampled_from([2, 99]), st.booleans(), st.sampled_from([1, 2])),
        st.just(s.FailInFirstRound()),
        _event_names().map(lambda pair: s.Await(*pair)),
        st.just(s.Bail()),
    ]
    if taste.aborts:
        final.append(st.just(s.Abort()))
    # What ends a step or a run is rarer, so that runs do not end too soon.
    return _seldom(st.one_of(final), otherwise=st.one_of(harmless))


@st.composite
def _seldom(
    draw: st.DrawFn, rare: st.SearchStrategy[Any], otherwise: st.SearchStrategy[Any]
) -> Any:
    """Draw from *rare* in one case of six. (one_of would flatten nested choices.)"""
    return draw(rare if draw(st.sampled_from([False] * 5 + [True])) else otherwise)


@st.composite
def _uses(draw: st.DrawFn, taste: Taste, id: str) -> s.UseTool:
    # Several ops of a step may use a tool of this id, so what it does is in the id as well.
    tool = draw(_tools(taste, id))
    name = f"{id}-{tool.pieces}-{tool.seconds}-{tool.fails}-{tool.limit}"
    take = draw(st.none() | st.integers(0, 3)) if tool.pieces is not None else None
    return s.UseTool(attrs.evolve(tool, id=name), draw(st.booleans()), take)


@st.composite
def _event_names(draw: st.DrawFn) -> tuple[str, float | None]:
    name = draw(st.sampled_from(["go", "go", "late", "never"]))
    return name, draw(TIMEOUTS if name == "never" else st.none() | TIMEOUTS)
