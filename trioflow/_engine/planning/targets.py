"""Create the plans of calls from steps, tools and workflows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import attrs

from trioflow._argument_schemas import compile_arguments
from trioflow._engine.base.plan import Body, CallForms, CallPlan, FindLimiter, ToolPlan
from trioflow._engine.planning.environment import Environment
from trioflow._engine.planning.limits import Limits
from trioflow._engine.planning.state_types import check_state
from trioflow._engine.running.bodies import (
    fallback_of,
    step_body,
    takes_input_alone,
    tool_body,
)
from trioflow._engine.running.instruments import watched_body, watched_tool
from trioflow._engine.running.shared_state import step_state_fields
from trioflow._engine.running.tool_calls import invoke_tool, invoke_tool_in_runner
from trioflow._values.checks import compile_check
from trioflow._values.structure import Structure, compile_structure
from trioflow.abc import Runner
from trioflow.context import BlockingStepContext, StepContext
from trioflow.errors import UnknownNameError
from trioflow.limits import Limit
from trioflow.retry import Retry
from trioflow.steps import Step
from trioflow.tools import Tool

if TYPE_CHECKING:
    from trioflow._engine.planning.recording import Recording


@attrs.frozen(eq=False)
class TargetPlanner:
    """Plans calls of steps and tools in one environment."""

    environment: Environment
    validate: bool
    """Whether values are checked and structured."""
    limits: Limits
    state: Any = Any
    """Type of the state of the run; None if the run is not known."""

    def step(self, step: Step[Any, Any], retry: Retry | None) -> CallPlan:
        """Return the plan of a call of *step*; *retry* comes from its workflow."""
        where = self.where("step", step, self.environment.steps)
        check_state(step.state, self.state, where)
        runner = self.runner(step, where)
        body = step_body(step.signature, step.fn, runner)
        watched = self.watched(body, step.fn, step.metadata)
        is_bare = watched is body and runner is None and takes_input_alone(step.signature)
        structure_output = self.structure(step.output, "output", where)
        return CallPlan(
            id=step.id,
            kind="step",
            body=watched,
            function=step.fn if is_bare else None,
            structure=self.structure(step.input, "input", where),
            structure_resume=self.structure(step.resume, "resume data", where),
            structure_suspend=self.structure(step.suspend, "suspend payload", where),
            check=compile_check(step.output, structure_output),
            state_fields=self.state_fields(step.state, where),
            structure_output=structure_output,
            forms=self.recorded(where, step.output, step.resume, step.suspend),
            retry=self.know(retry if step.retry is None else step.retry),
            timeout=step.timeout,
            limiter=self.limiter(step.limit, where),
            fallback=None if step.fallback is None else fallback_of(step.fallback, where),
            plugin=self.provider(step, self.environment.steps),
            code=code_of(step.fn),
        )

    def tool_node(self, tool: Tool[..., Any], retry: Retry | None) -> CallPlan:
        """Return the plan of a call of *tool* as a node."""
        plan = self.tool(tool)
        return CallPlan(
            id=tool.id,
            kind="tool",
            body=self.watched(tool_body(plan, tool), tool.fn, tool.metadata),
            structure_output=self.structure(tool.output, "output", f"tool {tool.id!r}"),
            forms=self.recorded(f"tool {tool.id!r}", tool.output),
            retry=self.know(retry if tool.retry is None else tool.retry),
            plugin=plan.plugin,
            code=code_of(tool.fn),
        )

    def tool(self, tool: Tool[..., Any]) -> ToolPlan:
        """Return the plan of calls of *tool* by steps."""
        where = self.where("tool", tool, self.environment.tools)
        runner = None
        if not tool.streaming:
            runner = self.runner(tool, where)
        run: Callable[[Any], Any] = invoke_tool
        if runner is not None:
            is_blocking = tool.signature.kind == "blocking"
            context = BlockingStepContext if is_blocking else StepContext
            run = partial(invoke_tool_in_runner, runner, context)
        return ToolPlan(
            id=tool.id,
            invoke=tool.fn,
            run=watched_tool(
                run,
                tool.fn,
                tool.metadata,
                self.environment.instruments,
                streaming=tool.streaming,
            ),
            streaming=tool.streaming,
            parameters={
                parameter.name: self.structure(
                    parameter.type, f"argument {parameter.name!r}", where
                )
                for parameter in tool.parameters
            },
            required=frozenset(
                parameter.name for parameter in tool.parameters if parameter.required
            ),
            context=tool.signature.context,
            combine=tool.combine,
            check=compile_check(tool.output, self.structure(tool.output, "output", where)),
            timeout=tool.timeout,
            limiter=self.limiter(tool.limit, where),
            plugin=self.provider(tool, self.environment.tools),
            check_arguments=None
            if tool.given_schema is None
            else compile_arguments(tool.given_schema, where),
        )

    def watched(
        self,
        body: Body,
        function: Callable[..., Any] | None,
        metadata: Mapping[str, Any] = MappingProxyType({}),
    ) -> Body:
        """Return *body* wrapped in the instruments that want to be around it."""
        return watched_body(body, function, metadata, self.environment.instruments)

    def tool_finder(self) -> Callable[[Any], ToolPlan]:
        """Return a function that gives the plan of a tool, or of a tool's id.

        It raises UnknownNameError if no plugin provides a tool with that id.
        """
        plans: WeakKeyDictionary[Tool[..., Any], ToolPlan] = WeakKeyDictionary()

        def find(tool: Tool[..., Any] | str) -> ToolPlan:
            if isinstance(tool, str):
                tool = self.known_tool(tool)
            plan = plans.get(tool)
            if plan is None:
                plan = plans[tool] = self.tool(tool)
            return plan

        return find

    def known_tool(self, id: str) -> Tool[..., Any]:
        """Return the tool with this id.

        Raises:
          UnknownNameError: if no plugin provides one.
        """
        known = self.environment.tools
        if id not in known:
            raise UnknownNameError("tool", id, "call_tool", tuple(known))
        return known[id]

    def structure(self, type_: Any, what: str, owner: str) -> Structure | None:
        """Return the function that structures a value into *type_*; None if any value is valid."""
        if not self.validate:
            return None
        return compile_structure(type_, what, owner, self.environment.converter)

    def state_fields(
        self, type_: Any, owner: str
    ) -> Callable[[Mapping[str, Any]], Mapping[str, Any]] | None:
        """Return the check of a step's updates of the state, if those of the run do not suffice."""
        if not self.validate or type_ in (Any, object, None, type(None), self.state):
            return None
        return step_state_fields(type_, owner, self.environment.converter)

    def recorded(
        self, owner: str, output: Any, resume: Any = Any, suspend: Any = Any
    ) -> CallForms | None:
        """Return how the values of a call are recorded, if there is a store."""
        recording = self.recording
        return None if recording is None else recording.call(owner, output, resume, suspend)

    def know(self, retry: Retry | None) -> Retry | None:
        """Return *retry*; make the exceptions that it names findable in journals."""
        if self.recording is not None:
            self.recording.know(retry)
        return retry

    @property
    def recording(self) -> Recording | None:
        """The recording of values, if there is a store."""
        find = self.environment.recording
        return None if find is None else find(self.validate)

    def runner(self, definition: Step[Any, Any] | Tool[..., Any], where: str) -> Runner | None:
        """Return what runs the bodies; None if they are awaited in the run's own task."""
        if definition.signature.kind == "async" and definition.runner in (None, "inline"):
            return None
        name = definition.runner or "thread"
        runners = self.environment.runners
        runner = runners.find(name)
        if runner is None:
            raise UnknownNameError("runner", name, where, runners.names)
        runner.check(definition.fn, where)
        return runner.bind(definition)

    def limiter(self, limit: str | Limit | None, where: str) -> FindLimiter | None:
        """Return a function that gives the limiter of a limit."""
        if limit is None:
            return None
        if isinstance(limit, Limit):
            self.limits.learn(limit, where)
            limit = limit.name
        return self.limits.find(limit, where)

    def where(self, kind: str, definition: Any, known: Any) -> str:
        """Return how errors name a definition: kind and id, and the plugin it comes from."""
        plugin = self.provider(definition, known)
        return f"{kind} {definition.id!r}" + (f" of plugin {plugin!r}" if plugin else "")

    def provider(self, definition: Any, known: Any) -> str | None:
        """Return the plugin that provides this very definition."""
        is_known = known.get(definition.id) is definition
        return self.environment.providers.get(definition.id) if is_known else None


def code_of(fn: Callable[..., Any]) -> object:
    """Return the identity of a function: its code, shared by functions from one ``def``.

    For a decorated function, the wrapped one counts.
    """
    # The id of the code: Python would hash the code itself for each step, which takes longer for
    # longer functions (shortcut `code-id`).
    return id(getattr(inspect.unwrap(fn), "__code__", fn))
