"""The view of a run that user code gets: a call of a workflow, and what is in it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextvars import Context, copy_context
from types import MappingProxyType
from typing import Any

import attrs

from trioflow._engine.base.given import check_optional_string, check_string
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.running.instruments import tracing_inside
from trioflow._engine.running.run_core import RunCore
from trioflow._engine.running.shared_context import SharedContext
from trioflow._tick import Tick
from trioflow.context import MISSING
from trioflow.errors import NoResultError
from trioflow.tracing import TracingContext


@attrs.define(eq=False)
class Scope:
    """One call of one workflow: the root of a run, or a nested one."""

    core: RunCore
    plan: WorkflowPlan
    prefix: str
    """The prefix of the ids of its steps: ``""``, or ``"outer."``."""
    address: str
    """The prefix of the addresses of its calls: ``""``, or ``"2/"``. In this package, addresses are
    assembled as strings, one per call; `trioflow.addresses` defines their notation."""
    init_data: Any = None
    context: Context = attrs.Factory(copy_context)
    """The context variables that its bodies see."""
    outputs: list[Any] = attrs.Factory(
        lambda self: [MISSING] * len(self.plan.slots), takes_self=True
    )
    """The outputs of its steps so far, by slot; of several calls, the last one. Not by id: a large
    dict would scatter the entries in memory (shortcut `output-slots`)."""
    failed_to_start: bool = False
    """Whether its on_start hook raised, so that it never ran."""

    def output(self, id: str) -> Any:
        """Return the output of a step's last successful call; MISSING if there is none."""
        slot = self.plan.slots.get(id)
        return MISSING if slot is None else self.outputs[slot]


@attrs.define(eq=False)
class Frame:
    """The view of a run that conditions, mapping functions and hooks get."""

    scope: Scope
    iteration: int | None = None

    @property
    def run_id(self) -> str:
        return self.scope.core.log.run_id

    @property
    def workflow_id(self) -> str:
        return self.scope.plan.id

    @property
    def init_data(self) -> Any:
        return self.scope.init_data

    @property
    def runtime_context(self) -> MutableMapping[str, Any]:
        core = self.scope.core
        if core.context is None:
            core.context = SharedContext()
        return core.context

    @property
    def tracing_context(self) -> TracingContext:
        return tracing_inside(self.scope.core)

    @property
    def state(self) -> Any:
        return self.scope.core.log.record.state

    def private_state(self, namespace: str) -> Mapping[str, Any]:
        check_string("namespace", namespace)
        return MappingProxyType(self.scope.core.log.record.private.get(namespace, {}))

    @property
    def tick(self) -> Tick | None:
        return self.scope.core.tick

    def step_result(self, step_id: str, default: object) -> Any:
        result = self.scope.output(step_id)
        if result is MISSING:
            result = default
        if result is MISSING:
            raise NoResultError(step_id)
        return result

    def cancel_run(self, reason: str | None) -> None:
        check_optional_string("reason", reason)
        self.scope.core.cancel_from_inside(reason)
