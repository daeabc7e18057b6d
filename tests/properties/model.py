"""What a workflow should come to, said without an engine: no tasks, no events, no clock.

A reference interpreter of specs. It holds where nothing is canceled from outside and every
``on_error`` is ``"finish"`` or ``"collect"``, so that no outcome hangs on who is faster. The one
thing that still does is which items of a concurrent foreach run before it stops; the model says so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

import attrs

from trioflow.errors import (
    EventTimeoutError,
    InvalidValueError,
    MappingError,
    NonRetryableError,
    StepTimeoutError,
)
from trioflow.nodes import OnError
from trioflow.outcomes import Failed, Ok
from trioflow.retry import Retry
from trioflow.testing.strategies import _specs as s
from trioflow.testing.strategies._bodies import (
    GeneratedFatalError,
    GeneratedStepError,
    GeneratedToolError,
    digest,
    state_key,
)
from trioflow.testing.strategies._building import listing

Fault: TypeAlias = tuple[type[Exception], str | None]
"""Type and text of an error; the texts of the engine's own errors are not modelled."""


class Unknown(Exception):  # noqa: N818 - a verdict, not an error
    """The model cannot say what comes next, because it hangs on who is faster."""


class Faults(Exception):  # noqa: N818 - several of them
    """Stands for the error of an item or arm whose failure is collected."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults


class _RunCanceled(Exception):  # noqa: N818 - a verdict, not an error
    """The run was canceled."""


# ---------------------------------------------------------------- outcomes
@attrs.frozen
class Done:
    value: Any


@attrs.frozen
class Broken:
    faults: tuple[Fault, ...]


@attrs.frozen
class Bailed:
    value: Any


Outcome: TypeAlias = Done | Broken | Bailed


@attrs.define
class Expected:
    """What a run comes to."""

    status: str = "running"
    output: Any = None
    faults: tuple[Fault, ...] = ()
    """All errors."""
    state: dict[str, bool] = attrs.field(factory=dict)
    calls: dict[str, str] = attrs.field(factory=dict)
    """The status of every call, by address."""
    retries: Counter[str] = attrs.field(factory=Counter)
    """How often a failed attempt is followed by another, by address of the call or item."""
    refused: set[str] = attrs.field(factory=set)
    """The addresses of calls and items whose input was refused, so that no attempt was made."""
    exact: bool = True
    """Whether all of *faults* come, and state and calls are these; if not, there may be fewer."""


def interpret(spec: s.WorkflowSpec, value: Any) -> Expected:
    """Return what a run of *spec* comes to.

    Raises:
      Unknown: if that cannot be said.
    """
    expected = Expected()
    try:
        outcome = _Frame(expected, spec, "", "", value).run()
    except _RunCanceled:
        return attrs.evolve(expected, status="canceled", exact=False)
    expected.status = "failed" if isinstance(outcome, Broken) else "success"
    if isinstance(outcome, Broken):
        expected.faults = outcome.faults
    else:
        expected.output = outcome.value
    return expected


# ---------------------------------------------------------------- workflows
@attrs.define
class _Frame:
    """One attempt at one workflow."""

    expected: Expected
    spec: s.WorkflowSpec
    prefix: str
    """What stands before the ids of its steps."""
    address: str
    """What stands before the addresses of its calls."""
    input: Any
    results: dict[str, Any] = attrs.field(factory=dict)

    def run(self) -> Outcome:
        value, position = self.input, 0
        for node in self.spec.nodes:
            outcome = self.node(node, value, position)
            if not isinstance(outcome, Done):
                return outcome
            value = outcome.value
            position += 2 if isinstance(node, s.ForEachSpec) else 1
        return Done(value)

    def node(self, node: s.NodeSpec, value: Any, position: int) -> Outcome:
        key = str(position)
        match node:
            case s.ThenSpec():
                return self.call(node.target, value, key)
            case s.ParallelSpec():
                return self.arms(node.arms, node.on_error, value, key)
            case s.BranchSpec():
                return self.branch(node, value, key)
            case s.LoopSpec():
                return self.loop(node, value, key)
            case s.ForEachSpec():
                items = listing(node, value)
                self.close(key, f"{node.target.id}-items", Done(items))
                return self.foreach(node, items, str(position + 1))
            case s.MapSpec():
                run = partial(self.map, node, value)
                return self.close(key, node.id, self.attempts(self.address + key, run))
            case s.SleepSpec(how="raises"):
                return self.close(key, node.id, FUNCTION_RAISES)
            case s.SleepSpec():
                return self.close(key, node.id, Done(value))
            case s.WaitSpec(event="never"):
                return self.close(key, node.target.id, Broken(((EventTimeoutError, None),)))
            case s.WaitSpec():
                return self.call(node.target, value, key, node.event)

    def close(self, key: str, id: str, outcome: Outcome) -> Outcome:
        """Note how a call has ended."""
        names = {Done: "success", Broken: "failed", Bailed: "bailed"}
        self.expected.calls[self.address + key] = names[type(outcome)]
        if isinstance(outcome, Done):
            self.results[id] = outcome.value
        return outcome

    # ------------------------------------------------------------ nodes
    def arms(
        self, arms: Sequence[s.TargetSpec], on_error: OnError, value: Any, key: str
    ) -> Outcome:
        places = {arm.id: f"{key}:{arm.id}" for arm in arms}
        outcomes = {arm.id: self.call(arm, value, places[arm.id]) for arm in arms}
        if on_error == "collect":
            outcomes = {
                id: self.collected(outcome, self.address + places[id])
                for id, outcome in outcomes.items()
            }
        return _join(outcomes.values()) or Done({id: _value(o) for id, o in outcomes.items()})

    def collected(self, outcome: Outcome, address: str) -> Outcome:
        """Return what stands for the outcome of an item or arm where failures are collected."""
        match outcome:
            case Done():
                return Done(Ok(outcome.value))
            case Broken():
                made = 0 if address in self.expected.refused else self.expected.retries[address] + 1
                return Done(Failed(Faults(outcome.faults), made, address))
        return outcome

    def branch(self, node: s.BranchSpec, value: Any, key: str) -> Outcome:
        if any(says == "raises" for says, _ in node.arms):
            return FUNCTION_RAISES
        chosen = [arm for says, arm in node.arms if says == "true"]
        return self.arms(chosen, node.on_error, value, key)

    def loop(self, node: s.LoopSpec, value: Any, key: str) -> Outcome:
        for iteration in range(1, node.times + 1):
            outcome = self.call(node.target, value, f"{key}#{iteration}")
            if not isinstance(outcome, Done):
                return outcome
            value = outcome.value
        return Done(value)

    def foreach(self, node: s.ForEachSpec, items: Sequence[Any], key: str) -> Outcome:
        outcomes: list[Outcome] = []
        for index, item in enumerate(items):
            address = f"{self.address}{key}[{index}]"
            outcome = self.target(node.target, item, address)
            if node.on_error == "collect":
                outcome = self.collected(outcome, address)
            outcomes.append(outcome)
            if node.concurrency == 1 and not isinstance(outcomes[-1], Done):
                break
        stopped = _join(outcomes)
        if stopped is not None and node.concurrency > 1:
            if any(isinstance(outcome, Bailed) for outcome in outcomes):
                raise Unknown
            self.expected.exact = False
        return self.close(
            key, node.target.id, stopped or Done([_value(outcome) for outcome in outcomes])
        )

    def map(self, node: s.MapSpec, value: Any, attempt: int) -> Outcome:
        match node.how:
            case "raises":
                return FUNCTION_RAISES
            case "nowhere":
                return Broken(((MappingError, None),))
            case "function" | "async function":
                return Done(digest(node.id, value))
        text = f"{_as_text(value)} and {_as_text(self.input)}"
        built = {"constant": 1, "text": text, "computed": digest(node.id, value)}
        return Done(built if node.step is None else {**built, "step": self.results[node.step]})

    # ------------------------------------------------------------ calls
    def call(self, spec: s.TargetSpec, value: Any, key: str, data: str | None = None) -> Outcome:
        """Make a call, with *data* from an event."""
        return self.close(key, spec.id, self.target(spec, value, self.address + key, data))

    def target(
        self, spec: s.TargetSpec, value: Any, address: str, data: str | None = None
    ) -> Outcome:
        match spec:
            case s.StepSpec():
                outcome = self.step(spec, value, address, data)
                return self.fall_back(spec, outcome) if isinstance(outcome, Broken) else outcome
            case s.ToolSpec():
                return self.attempts(address, partial(_tool_node, spec, value))
            case s.WorkflowSpec():
                return self.attempts(address, partial(self.nested, spec, value, address))

    def step(self, spec: s.StepSpec, value: Any, address: str, data: str | None) -> Outcome:
        if spec.only_int and not isinstance(value, int):
            self.expected.refused.add(address)
            return Broken(((InvalidValueError, None),))
        return self.attempts(address, partial(self.body, spec, value, address, data), spec.retry)

    def fall_back(self, spec: s.StepSpec, outcome: Broken) -> Outcome:
        if spec.fallback is None:
            return outcome
        if spec.fallback.fails:
            return Broken(((GeneratedStepError, "fallback"),))
        if spec.fallback.sets_state:
            self.expected.state[state_key(self.prefix + spec.id, "fallback")] = True
        ((error, _),) = outcome.faults
        return Done(digest(spec.id, "fallback", error.__name__))

    def attempts(
        self, address: str, run: Callable[[int], Outcome], retries: Retry | None = None
    ) -> Outcome:
        """Call ``run(attempt)`` until it ends well or no attempt is left."""
        retries = retries or self.spec.retry or Retry()
        attempt = 1
        outcome = run(attempt)
        while attempt < retries.attempts and self.may_be_retried(outcome, retries):
            self.expected.retries[address] += 1
            attempt += 1
            outcome = run(attempt)
        return outcome

    def may_be_retried(self, outcome: Outcome, retries: Retry) -> bool:
        if not isinstance(outcome, Broken):
            return False
        final = (NonRetryableError, InvalidValueError)
        verdicts = {
            issubclass(error, retries.on) and not issubclass(error, final)
            for error, _ in outcome.faults
        }
        if len(verdicts) > 1 and not self.expected.exact:
            raise Unknown  # it hangs on which of the errors there are
        return verdicts == {True}

    def nested(self, spec: s.WorkflowSpec, value: Any, address: str, attempt: int) -> Outcome:
        again = "" if attempt == 1 else f"~{attempt}"
        # Ids repeat the nesting of addresses, without positions.
        prefix = f"{self.prefix}{spec.id}."
        frame = _Frame(self.expected, spec, prefix, f"{address}{again}/", value)
        outcome = frame.run()
        return Done(outcome.value) if isinstance(outcome, Bailed) else outcome

    def body(
        self, spec: s.StepSpec, value: Any, address: str, data: str | None, attempt: int
    ) -> Outcome:
        body = _Body(spec, value, self.prefix + spec.id, "~" in address, attempt)
        outcome = body.run(data)
        if not isinstance(outcome, Broken):
            self.expected.state.update(body.updates)
        return outcome


FUNCTION_RAISES = Broken(((GeneratedStepError, "function"),))


def _join(outcomes: Iterable[Outcome]) -> Outcome | None:
    """Return what stops a block: all errors, else the first bail, else nothing."""
    outcomes = list(outcomes)
    faults = [fault for one in outcomes if isinstance(one, Broken) for fault in one.faults]
    if faults:
        return Broken(tuple(faults))
    return next((one for one in outcomes if isinstance(one, Bailed)), None)


def _value(outcome: Outcome) -> Any:
    assert isinstance(outcome, Done)
    return outcome.value


def _as_text(value: Any) -> str:
    """Return a value as a template shows it.

    Raises:
      Unknown: if an error is in it, whose message is not modelled.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), default=_fields)


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, Failed):
        raise Unknown
    assert isinstance(value, Ok)
    return {"value": value.value}


def _tool_node(spec: s.ToolSpec, value: Any, attempt: int) -> Outcome:
    if spec.fails:
        return Broken(((GeneratedToolError, spec.id),))
    if spec.pieces is None:
        return Done(digest(spec.id, value))
    return Done([digest(spec.id, value, number) for number in range(spec.pieces)])


# ---------------------------------------------------------------- bodies
class _Raised(Exception):  # noqa: N818 - carries an outcome
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


@attrs.define
class _Body:
    """One attempt at one step."""

    spec: s.StepSpec
    value: Any
    step_id: str
    in_later_round: bool
    attempt: int
    seconds: float = 0.0
    updates: dict[str, bool] = attrs.field(factory=dict)

    def run(self, data: str | None) -> Outcome:
        try:
            for op in self.spec.ops:
                self.do(op)
        except _Raised as raised:
            return raised.outcome
        return Done(digest(self.spec.id, self.value, data))

    def do(self, op: s.Op) -> None:
        match op:
            case s.Nap():
                self.spend(op.seconds)
            case s.SetState():
                self.updates[state_key(self.step_id, self.attempt)] = True
            case s.Fail():
                if self.attempt <= op.attempts and digest("fail", self.value) % op.one_in == 0:
                    self.fail(GeneratedFatalError if op.fatal else GeneratedStepError, self.step_id)
            case s.FailInFirstRound() if not self.in_later_round:
                self.fail(GeneratedStepError, self.step_id)
            case s.UseTool():
                self.use(op)
            case s.Await(event="never"):
                self.spend(op.timeout or 0.0)
                self.fail(EventTimeoutError)
            case s.Bail():
                raise _Raised(Bailed(digest("bail", self.spec.id, self.value)))
            case s.CancelRun():
                raise _RunCanceled

    def use(self, op: s.UseTool) -> None:
        pieces = 1 if op.tool.pieces is None else op.tool.pieces
        taken = pieces if op.take is None else min(op.take, pieces)
        for _ in range(taken):
            self.spend(op.tool.seconds)
        to_the_end = op.take is None or op.take > pieces
        if op.tool.fails and to_the_end and not op.catches:
            self.fail(GeneratedToolError, op.tool.id)

    def spend(self, seconds: float) -> None:
        self.seconds += seconds
        if self.spec.timeout is not None and self.seconds > self.spec.timeout:
            self.fail(StepTimeoutError)

    def fail(self, error: type[Exception], text: str | None = None) -> None:
        raise _Raised(Broken(((error, text),)))
