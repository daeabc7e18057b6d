"""Workflows of the case format, built with trioflow's public builder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import attrs

from trioflow import (
    Retry,
    RunContext,
    RunResult,
    StepContext,
    Tool,
    Workflow,
    constant,
    from_context,
    from_input,
    from_step,
    step,
    tool,
)

from .agents import make_agent
from .bodies import Body
from .expressions import Expr, UserError, evaluate, truthy
from .messages import TEMPLATE_ROOTS, Words
from .nodes import NODES, Target
from .place import Effects, NotSupportedError, Place, seconds
from .results import result_to_recorded
from .schemas import Schema, state_type_of, type_of
from .undefined import native, plain

Case: TypeAlias = Mapping[str, Any]


@attrs.define
class Builder:
    """Builds the workflow of one case."""

    case: Case
    effects: Effects
    targets: dict[tuple[str, float], Target] = attrs.field(factory=dict)
    """Definitions that were built, by ref and by the delay of the workflow they are used in."""
    checked_inputs: dict[str, Schema] = attrs.field(factory=dict)
    """The schema of each step by its full id, and of the run by "", where it is checked."""

    def build(self) -> Workflow[Any, Any]:
        """Return the root workflow."""
        spec = self.case["workflow"]
        if self.validates:
            self._collect_schemas(spec, "")
        return self._workflow(spec["id"], spec)

    # ------------------------------------------------------------ properties of the case
    @property
    def words(self) -> Words:
        """How the recorded engine tells errors."""
        specs = [self.case["workflow"], *self.case["defs"].values()]
        nodes = [node for spec in specs for node in spec.get("graph", ())]
        sources = [source for node in nodes for source in node.get("spec", {}).values()]
        templates = [source["template"] for source in sources if "template" in source]
        order = tuple(self._ids_in(self.case["workflow"], ""))
        return Words(self.case["source"]["version"], templates, order)

    def _ids_in(self, spec: Mapping[str, Any], prefix: str) -> Iterator[str]:
        """Yield the ids of the steps in the order of their definition."""
        for node in spec.get("graph", ()):
            refs = node.get("steps") or [ref for _, ref in node.get("arms", ())]
            for ref in [*refs, *([node["step"]] if "step" in node else [])]:
                definition = self.case["defs"][ref]
                id = prefix + definition.get("id", ref)
                while "of" in definition:
                    definition = self.case["defs"][definition["of"]]
                yield id
                yield from self._ids_in(definition, f"{id}.")

    @property
    def validates(self) -> bool:
        """Whether values are checked: the old engine never does, and the root decides for all."""
        return not self.words.is_old and self.case["workflow"].get("validateInputs") is not False

    @property
    def state_schema(self) -> Schema | None:
        """The schema of the run's state, if it is checked."""
        return self.case["workflow"].get("stateSchema") if self.validates else None

    @property
    def ids(self) -> dict[str, str]:
        """The ids of the definitions by ref."""
        return {ref: definition.get("id", ref) for ref, definition in self.case["defs"].items()}

    @property
    def agents(self) -> frozenset[str]:
        """The ids of the steps that are agents."""
        return frozenset(self.ids[ref] for ref in self.case["defs"] if self._is_agent(ref))

    def _is_agent(self, ref: str) -> bool:
        definition = self.case["defs"][ref]
        if definition.get("type") == "clone":
            return self._is_agent(definition["of"])
        return bool(definition.get("type") == "agent")

    # ------------------------------------------------------------ definitions
    def target(self, ref: str, delay: float) -> Target:
        """Return what a ref stands for.

        Args:
          ref: The name of a definition.
          delay: Milliseconds between attempts, which only workflows say in the format.
        """
        if (ref, delay) not in self.targets:
            self.targets[ref, delay] = self._define(ref, self.case["defs"][ref], delay)
        return self.targets[ref, delay]

    def _define(self, ref: str, definition: Mapping[str, Any], delay: float) -> Target:
        kind, id = definition.get("type", "step"), definition.get("id", ref)
        if kind in ("clone", "cloneWorkflow"):
            return self.target(definition["of"], delay).clone(id)
        if kind == "workflow":
            return self._workflow(id, definition)
        if kind == "agent":
            tools = (self.target(name, delay) for name in definition.get("tools", ()))
            return make_agent(id, definition, [each for each in tools if isinstance(each, Tool)])
        if kind not in ("step", "tool"):
            raise NotSupportedError(f"definitions of type {kind}")
        return self._leaf(kind, id, definition, delay)

    def _leaf(self, kind: str, id: str, definition: Mapping[str, Any], delay: float) -> Target:
        state_schema = definition.get("stateSchema") if self.validates else None
        old_engine = self.words.is_old
        body = Body(id, definition["do"], self.effects, self.ids, old_engine, state_schema)
        input_type = self._type(definition.get("inputSchema"))

        async def run(value: Any, ctx: StepContext[Any]) -> Any:
            return await body.run(value, ctx)

        run.__annotations__ |= {"value": input_type}
        retries = _retry(definition["retries"], delay) if "retries" in definition else None
        if kind == "tool":  # the old engine takes no notice of what a tool says of retries
            return tool(id=id, retry=None if old_engine else retries)(run)
        resume = self._type(definition.get("resumeSchema"))
        suspend = self._type(definition.get("suspendSchema"))
        state = None if state_schema is None else state_type_of(state_schema)
        make = step(
            id=id, input=input_type, resume=resume, suspend=suspend, state=state, retry=retries
        )
        return make(run)

    def _type(self, schema: Schema | None) -> Any:
        return type_of(schema) if self.validates else Any

    def _workflow(self, id: str, spec: Mapping[str, Any]) -> Workflow[Any, Any]:
        hooks = spec.get("hooks", {})
        options: dict[str, Any] = {
            ours: make(theirs, hooks[theirs])
            for ours, theirs, make in (
                ("on_start", "onStart", self._start_hook),
                ("on_finish", "onFinish", self._end_hook),
                ("on_error", "onError", self._end_hook),
            )
            if theirs in hooks
        }
        if self.state_schema is not None:
            options["state"] = state_type_of(self.state_schema)
        retry = spec.get("retry", {"attempts": 0})
        # Output schemas are only types there, and never checked.
        workflow: Workflow[Any, Any] = Workflow(
            id,
            input=self._type(spec.get("inputSchema")),
            retry=_retry(retry["attempts"], retry.get("delayMs", 0)),
            validate=self.validates,
            **options,
        )
        for node in spec["graph"]:
            if node["kind"] not in NODES:
                raise NotSupportedError(f"nodes of kind {node['kind']}")
            find = partial(self.target, delay=retry.get("delayMs", 0))
            workflow = NODES[node["kind"]](self, find, workflow, node)
        return workflow

    # ------------------------------------------------------------ functions
    def function(self, expr: Expr) -> Callable[[Any, RunContext[Any]], Any]:
        """Return a function of ``(data, ctx)`` that gives the value of an expression."""

        def evaluated(data: Any, ctx: RunContext[Any]) -> Any:
            return native(evaluate(expr, Place(data, data, ctx, self.ids)))

        return evaluated

    def condition(self, expr: Expr) -> Callable[[Any, RunContext[Any]], bool]:
        """Return a function that says whether an expression is true."""
        function = self.function(expr)
        return lambda data, ctx: truthy(function(data, ctx))

    def source(self, source: Mapping[str, Any]) -> Any:
        """Return one of trioflow's sources of mappings."""
        if "step" in source:
            refs = source["step"] if isinstance(source["step"], list) else [source["step"]]
            return from_step([self.ids.get(ref, ref) for ref in refs], source["path"])
        if "init" in source:
            return from_input(source["path"])
        if "ctx" in source:
            return from_context(source["ctx"])
        if "fn" in source:
            return self.function(source["fn"])
        if "template" in source:
            return re.sub(r"\$\{(\w+)", _renamed_root, source["template"])
        return constant(native(source["value"]))

    # ------------------------------------------------------------ hooks
    def _start_hook(self, name: str, action: Any) -> Callable[[RunContext[Any]], None]:
        def on_start(ctx: RunContext[Any]) -> None:
            entry = {"hook": name, "status": None, "input": ctx.init_data, "state": ctx.state}
            self._log_hook(entry, action)

        return on_start

    def _end_hook(self, name: str, action: Any) -> Callable[[RunResult[Any]], None]:
        def on_end(result: RunResult[Any]) -> None:
            recorded = result_to_recorded(
                result, self.words, schemas=self.checked_inputs, in_hook=True
            )
            kept = ("status", "input", "result", "error", "tripwire")
            entry = {key: recorded[key] for key in kept if key in recorded}
            if name == "onError":
                entry.pop("result", None)
            self._log_hook({"hook": name, **entry, "state": result.state}, action)

        return on_end

    def _log_hook(self, entry: Mapping[str, Any], action: Any) -> None:
        self.effects.journal.append(plain(entry))
        if action != "log":
            raise UserError(action["fail"])

    # ------------------------------------------------------------ schemas
    def _collect_schemas(self, spec: Mapping[str, Any], id: str) -> None:
        if "inputSchema" in spec:
            self.checked_inputs[id] = spec["inputSchema"]
        prefix = id and f"{id}."
        for node in spec.get("graph", ()):
            refs = node.get("steps") or [ref for _, ref in node.get("arms", ())]
            for ref in [*refs, *([node["step"]] if "step" in node else [])]:
                definition = self.case["defs"][ref]
                inner = prefix + definition.get("id", ref)
                while "of" in definition:
                    definition = self.case["defs"][definition["of"]]
                self._collect_schemas(definition, inner)
                if node["kind"] == "foreach":  # what is checked there are the items
                    self.checked_inputs.pop(inner, None)


def _retry(attempts: int, delay_ms: float) -> Retry:
    # The format counts further attempts, trioflow all of them.
    return Retry(attempts=max(0, attempts) + 1, delay=seconds(delay_ms))


def _renamed_root(match: re.Match[str]) -> str:
    return "${" + TEMPLATE_ROOTS.get(match[1], match[1])
