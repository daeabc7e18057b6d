"""Create plans from workflows. All errors in a definition are found here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import attrs

from trioflow._durations import in_seconds
from trioflow._engine.base import plan as p
from trioflow._engine.base.outcome import Outcome
from trioflow._engine.planning.chain_types import Giver, check_fit, check_items, item_of
from trioflow._engine.planning.environment import Environment
from trioflow._engine.planning.limits import Limits, limits_of
from trioflow._engine.planning.mapping_types import returns_of
from trioflow._engine.planning.targets import TargetPlanner
from trioflow._engine.running.bodies import map_body
from trioflow._engine.running.foreach import ItemsBody
from trioflow._engine.running.frame import Frame
from trioflow._engine.running.reducers import reducers_of
from trioflow._engine.running.shared_state import initial_state, state_fields
from trioflow._engine.running.user_functions import adapt, compile_mapping
from trioflow._engine.running.workflow_call import WorkflowBody
from trioflow._values.checks import compile_check
from trioflow._values.structure import Structure, wrong_type
from trioflow.errors import DefinitionError, Fault, InvalidValueError, UnknownStepError
from trioflow.events import StepKind
from trioflow.nodes import (
    Branch,
    ForEach,
    Loop,
    Map,
    Node,
    Parallel,
    Sleep,
    SleepUntil,
    Target,
    Then,
    WaitForEvent,
)
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.workflow import Workflow

MAX_NESTING = 32
"""How deeply workflows may be nested. Each level takes about a dozen of the thousand frames that
Python allows. A debugger and the caller also need some, and running out of frames in the middle of
a run would fail it."""


def plan_workflow(workflow: Workflow[Any, Any], environment: Environment) -> p.WorkflowPlan:
    """Return the plan of a workflow in an environment; created once and kept.

    Raises:
      UnknownStepError: if it names something that the environment does not have.
      UnknownNameError: if a step names an unknown runner or limit.
      DefinitionError: if another part of it is invalid.
    """
    plan = environment.plans.get(workflow)
    if plan is None:
        limits = environment.limits.for_workflow()
        for limit, where in limits_of(workflow):  # first, because others may name them
            limits.learn(limit, where)
        plan = environment.plans[workflow] = _Planner(workflow, environment, limits, ()).plan()
    return plan


class _Planner:
    def __init__(
        self,
        workflow: Workflow[Any, Any],
        environment: Environment,
        limits: Limits,
        outer: tuple[Workflow[Any, Any], ...],
    ) -> None:
        self._workflow = workflow
        self._environment = environment
        self._path = (*outer, workflow)
        self._limits = limits
        state = self._path[0].state  # the state of the outermost workflow is the state of the run
        self._targets = TargetPlanner(environment, workflow.validate, limits, state)
        self._where = self._targets.where("workflow", workflow, environment.workflows)
        if workflow in outer:  # only possible through ids
            way = " > ".join(w.id for w in self._path)
            raise DefinitionError(self._where, f"it contains itself: {way}", "use a loop instead")
        if len(outer) > MAX_NESTING:
            problem = f"it is nested in {len(outer)} workflows"
            raise DefinitionError(self._where, problem, f"nest in at most {MAX_NESTING}")

    def plan(self) -> p.WorkflowPlan:
        workflow, converter = self._workflow, self._environment.converter
        nodes = tuple(self._node(str(i), node) for i, node in enumerate(workflow.nodes))
        if workflow.validate:
            self._check_chain(nodes)
        structure_input = self._targets.structure(workflow.input, "input", self._where)
        return p.WorkflowPlan(
            forms=self._recorded(nodes, structure_input),
            id=workflow.id,
            metadata=workflow.metadata,
            nodes=nodes,
            structure_input=structure_input,
            structure_output=self._targets.structure(workflow.output, "output", self._where),
            initial_state=initial_state(
                workflow.state, self._where, converter, validate=workflow.validate
            ),
            state_fields=state_fields(workflow.state, self._where, converter)
            if workflow.validate
            else None,
            tools=self._targets.tool_finder(),
            find_tool=self._targets.known_tool,
            timeout=workflow.timeout,
            reducers=reducers_of(workflow.state),
            on_start=workflow.on_start,
            on_finish=workflow.on_finish,
            on_error=workflow.on_error,
            slots=_number(nodes),
            has_nested_hooks=any(
                call.nested.has_end_hooks for call in _all_calls(nodes) if call.nested is not None
            ),
        )

    def _recorded(
        self, nodes: Sequence[p.NodePlan], structure: Structure | None
    ) -> p.RunForms | None:
        """Determine how the values of runs are recorded, if there is a store."""
        recording, workflow = self._targets.recording, self._workflow
        if recording is None:
            return None
        given = recording.form(workflow.input, "input", self._where)
        for node in nodes:
            given = recording.pass_on(node, given)
        secrets = (call.forms.secret for call in _all_calls(nodes) if call.forms is not None)
        secret = next((each for each in secrets if each is not None), None)
        return recording.run(workflow, structure, given, self._where, secret)

    # ------------------------------------------------------------ types
    def _check_chain(self, plans: Sequence[p.NodePlan]) -> None:
        """Check that what each node gives can fit the next one."""
        giver: Giver | None = Giver("the workflow's input", self._workflow.input)
        for node, plan in zip(self._workflow.nodes, plans, strict=True):
            giver = self._pass_on(giver, node, plan)

    def _pass_on(self, giver: Giver | None, node: Node, plan: p.NodePlan) -> Giver | None:
        """Check the input of a node, and return what it gives, if that is known."""
        match node, plan:
            case (Then(target), p.ThenPlan(call=call)):
                return self._fit(giver, target, call)
            case (Loop(target), p.LoopPlan(call=call)):
                return self._fit(giver, target, call)  # it may not run a second time
            case (WaitForEvent(target=target), p.WaitPlan(call=call)):
                return self._fit(None, target, call)
            case (Parallel(arms), p.ParallelPlan(arms=calls)):
                for arm, call in zip(arms, calls, strict=True):
                    self._fit(giver, arm, call)
                return Giver("parallel", dict)
            case (Branch(pairs), p.BranchPlan(arms=planned)):
                for (_, arm), (_, call) in zip(pairs, planned, strict=True):
                    self._fit(giver, arm, call)
                return Giver("branch", dict)
            case (ForEach(target=target), p.ForEachPlan(item=item)):
                check_items(giver, self._where)
                self._fit(item_of(giver), target, item)
                return Giver(f"foreach {item.id!r}", list)
            case (Sleep() | SleepUntil(), _):
                return giver
        return None

    def _fit(self, giver: Giver | None, target: Target, call: p.CallPlan) -> Giver | None:
        found = self._find(target) if isinstance(target, str) else target
        if isinstance(found, Tool):
            return None
        who = f"{call.kind} {call.id!r}"
        check_fit(giver, f"{self._where}: {who}", found.input, call.structure)
        return Giver(who, found.output)

    # ------------------------------------------------------------ nodes
    def _node(self, key: str, node: Node) -> p.NodePlan:
        match node:
            case Then(target):
                return p.ThenPlan(key, self._call(target))
            case Parallel(arms, on_error):
                return p.ParallelPlan(key, tuple(map(self._arm, arms)), on_error)
            case Branch(pairs, on_error):
                planned = tuple((adapt(c, self._where), self._arm(t)) for c, t in pairs)
                return p.BranchPlan(key, planned, on_error)
            case Loop(target, condition, until):
                return p.LoopPlan(key, self._call(target), adapt(condition, self._where), until)
            case ForEach():
                return self._loop(key, node)
            case Map():
                return p.ThenPlan(key, self._map(node))
            case Sleep():
                return p.SleepPlan(key, _waiting_call(node.id, "sleep"), self._wake_time(node))
            case SleepUntil():
                return p.SleepPlan(
                    key, _waiting_call(node.id, "sleep"), self._wake_date(node), True
                )
            case WaitForEvent(event, target, timeout):
                return p.WaitPlan(key, event, self._call(target), timeout)

    def _loop(self, key: str, node: ForEach) -> p.ForEachPlan:
        item = self._call(node.target)
        owner = f"foreach {item.id!r}"

        def as_list(value: Any) -> Sequence[Any]:
            if isinstance(value, Sequence) and not isinstance(value, str | bytes):
                return value
            raise InvalidValueError("input", owner, wrong_type("list", value).faults)

        body = ItemsBody(item, node.concurrency, node.on_error)
        loop = p.CallPlan(item.id, "foreach", body, structure=as_list, plugin=item.plugin)
        return p.ForEachPlan(key, loop, item, node.on_error)

    def _map(self, node: Map) -> p.CallPlan:
        where = f"{self._where}, mapping {node.id!r}"
        spec = node.spec
        function = adapt(spec, where) if callable(spec) else compile_mapping(spec, where)
        body = self._targets.watched(map_body(function), spec if callable(spec) else None)
        output = returns_of(spec) if callable(spec) else Any
        owner = f"map {node.id!r}"
        structure = self._targets.structure(output, "output", owner)
        return p.CallPlan(
            node.id,
            "map",
            body,
            check=compile_check(output, structure),
            structure_output=structure,
            forms=self._targets.recorded(owner, output),
            retry=self._workflow.retry,
        )

    def _wake_time(self, node: Sleep) -> p.Condition:
        seconds, owner = node.seconds, f"sleep {node.id!r}"
        computed = adapt(seconds, self._where) if callable(seconds) else None

        async def wake_at(data: Any, frame: Frame) -> float:
            value = seconds if computed is None else await computed(data, frame)
            wait = in_seconds(value)
            if wait is None:
                raise InvalidValueError("duration", owner, wrong_type("seconds", value).faults)
            return frame.scope.core.log.now() + wait

        return wake_at

    def _wake_date(self, node: SleepUntil) -> p.Condition:
        when, owner = node.when, f"sleep {node.id!r}"
        computed = adapt(when, self._where) if callable(when) else None

        async def wake_at(data: Any, frame: Frame) -> float:
            value = when if computed is None else await computed(data, frame)
            if not isinstance(value, datetime):
                raise InvalidValueError("moment", owner, wrong_type(datetime, value).faults)
            if value.tzinfo is None:
                fault = Fault("", f"{value!r} has no time zone")
                raise InvalidValueError("moment", owner, (fault,))
            return value.timestamp()

        return wake_at

    # ------------------------------------------------------------ targets
    def _arm(self, target: Target) -> p.CallPlan:
        """Return the plan of a call that starts together with others, see `run_arms`."""
        call = self._call(target)
        call.code = None
        return call

    def _call(self, target: Target) -> p.CallPlan:
        found = self._find(target) if isinstance(target, str) else target
        retry = self._workflow.retry
        if isinstance(found, Step):
            return self._targets.step(found, retry)
        if isinstance(found, Tool):
            return self._targets.tool_node(found, retry)
        return self._nested(found)

    def _nested(self, target: Workflow[Any, Any]) -> p.CallPlan:
        nested = _Planner(target, self._environment, self._limits, self._path).plan()
        return p.CallPlan(
            id=target.id,
            kind="workflow",
            body=self._targets.watched(WorkflowBody(nested), None, target.metadata),
            structure=nested.structure_input,
            structure_output=nested.structure_output,
            forms=self._recorded_nested(nested),
            retry=self._targets.know(self._workflow.retry),
            plugin=self._targets.provider(target, self._environment.workflows),
            nested=nested,
        )

    def _recorded_nested(self, nested: p.WorkflowPlan) -> p.CallForms | None:
        forms = self._targets.recorded(self._where, Any)
        if forms is None or nested.forms is None:
            return None
        return attrs.evolve(forms, output=nested.forms.output, secret=nested.forms.secret)

    def _find(self, id: str) -> Step[Any, Any] | Tool[..., Any] | Workflow[Any, Any]:
        environment = self._environment
        known: dict[str, Step[Any, Any] | Tool[..., Any] | Workflow[Any, Any]] = {
            **environment.steps,
            **environment.tools,
            **environment.workflows,
        }
        if id not in known:
            plugin = self._targets.provider(self._workflow, environment.workflows)
            raise UnknownStepError(id, self._workflow.id, tuple(known), plugin)
        return known[id]


def _number(nodes: Sequence[p.NodePlan]) -> dict[str, int]:
    """Assign a slot to each call of a workflow; calls that share an id share a slot."""
    slots: dict[str, int] = {}
    for node in nodes:
        for call in _calls(node):
            call.slot = slots.setdefault(call.id, len(slots))
    return slots


def _calls(node: p.NodePlan) -> Sequence[p.CallPlan]:
    match node:
        case p.ParallelPlan():
            return node.arms
        case p.BranchPlan():
            return [arm for _, arm in node.arms]
        case p.ForEachPlan():
            return [node.loop]
    return [node.call]


def _all_calls(nodes: Sequence[p.NodePlan]) -> Iterator[p.CallPlan]:
    """Yield the calls of nodes, including those of the items of a foreach."""
    for node in nodes:
        yield from _calls(node)
        if isinstance(node, p.ForEachPlan):
            yield node.item


async def _no_body(call: Any, value: Any) -> Outcome:
    raise AssertionError("a sleep has no body; run_sleep does its work")


def _waiting_call(id: str, kind: StepKind) -> p.CallPlan:
    return p.CallPlan(id, kind, _no_body)
