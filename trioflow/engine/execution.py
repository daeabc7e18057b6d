"""The engine's side of one run: begin, drive, cancel, end. Each happens once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import trio

from trioflow import events as ev
from trioflow.engine.core import RunCore, Scope
from trioflow.engine.environment import Environment
from trioflow.engine.log import RunLog
from trioflow.engine.mailbox import Mailbox
from trioflow.engine.outcome import Outcome
from trioflow.engine.pacer import Pacer
from trioflow.engine.plan import WorkflowPlan
from trioflow.engine.workflows import call_end_hooks, run_workflow, workflow_result
from trioflow.errors import RunAlreadyStartedError
from trioflow.results import RunResult
from trioflow.tracing import TracingContext, TracingOptions


class Execution:
    """Everything that makes up one run."""

    def __init__(
        self, plan: WorkflowPlan, environment: Environment, run_id: str, resource_id: str | None
    ) -> None:
        log = RunLog(run_id, environment.instruments)
        self.plan = plan
        self.resource_id = resource_id
        self.trace_id = uuid.uuid4().hex
        self.core = RunCore(
            log=log,
            pacer=Pacer(log),
            mailbox=Mailbox(),
            cancel=self.cancel,
            converter=environment.converter,
            state_fields=plan.state_fields,
        )
        self.begun = False
        self.result: RunResult[Any] | None = None
        self._done = trio.Event()
        self._cancel_scope = trio.CancelScope()
        self._reason: str | None = None

    def begin(
        self,
        input_data: Any,
        runtime_context: Mapping[str, Any] | None,
        tracing_context: TracingContext | None,
        tracing_options: TracingOptions | None,
        initial_state: Any,
    ) -> None:
        """Take what the caller gives to the run, once, and check all of it.

        Raises:
          RunAlreadyStartedError: the second time.
          InvalidValueError: if input or state do not fit; the run can begin again then.
        """
        if self.begun:
            raise RunAlreadyStartedError(
                self.core.log.run_id,
                self.core.log.state.status,
                "it was started before; create a run for each start",
            )
        structure = self.plan.structure_input
        self._input = input_data
        self._value = input_data if structure is None else structure(input_data)
        self._state = self.plan.initial_state(initial_state)
        self._metadata = (tracing_options or TracingOptions()).metadata
        self.core.runtime_context = dict(runtime_context or {})
        self.core.tracing_context = tracing_context or TracingContext()
        self.trace_id = _trace_id(self.core.tracing_context) or self.trace_id
        self.begun = True

    async def drive(self) -> RunResult[Any]:
        """Run the workflow from start to finish in this task.

        The run is over, with all its events, when this returns or raises; it raises only
        for a cancellation from outside, or if something other than an Exception got out
        of a step.
        """
        scope = Scope(self.core, self.plan, prefix="", address="", init_data=self._value)
        self._emit_start()
        outcome: Outcome | None = None
        try:
            try:
                with self._cancel_scope:
                    outcome = await run_workflow(scope, self._value)
                    await self.core.log.wait_for_room()
                if self._cancel_scope.cancel_called:
                    outcome = None  # a cancel that was accepted is never followed by success
            finally:
                if outcome is None:
                    self.core.log.emit(ev.Canceled, reason=self._reason)
                await call_end_hooks(scope, self._input, outcome)
        finally:
            self.result = self._emit_finish(scope, outcome)
        return self.result

    def cancel(self, reason: str | None) -> None:
        """Cancel the run, or do nothing if it is over or canceled already."""
        if self.result is None and not self._cancel_scope.cancel_called:
            self._reason = reason
            self._cancel_scope.cancel()

    async def wait(self) -> RunResult[Any]:
        """Wait for the end of the run and return its result."""
        await self._done.wait()
        if self.result is None:
            raise RuntimeError(f"run {self.core.log.run_id} is done without a result")
        return self.result

    def _emit_start(self) -> None:
        log = self.core.log
        log.start_clock()
        log.emit(
            ev.Start,
            workflow_id=self.plan.id,
            input=self._input,
            state=self._state,
            runtime_context=dict(self.core.runtime_context),
            trace_id=self.trace_id,
            metadata=self._metadata,
            resource_id=self.resource_id,
        )

    def _emit_finish(self, scope: Scope, outcome: Outcome | None) -> RunResult[Any]:
        result = workflow_result(scope, self._input, outcome)
        log = self.core.log
        log.emit(ev.Finish, status=result.status, result=result.result, error=result.error)
        log.end()
        self._done.set()
        return result


def _trace_id(context: TracingContext) -> str | None:
    trace_id = getattr(context.current_span, "trace_id", None)
    return trace_id if isinstance(trace_id, str) else None
