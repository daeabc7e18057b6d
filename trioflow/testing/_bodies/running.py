"""Runs a step or tool once, alone in a workflow, and records what was observed."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs
import trio

from trioflow import events as ev
from trioflow._engine.history.suspensions import suspensions
from trioflow.context import MISSING, StepContext
from trioflow.engine import open_engine
from trioflow.run import Run
from trioflow.steps import Step, step
from trioflow.testing._bodies.pace import Pace
from trioflow.testing._bodies.traps import Follower, Point, Trap, TrapClock, Turns
from trioflow.testing._bodies.watching import Watch
from trioflow.testing._grammar import check_events
from trioflow.testing._leaks import assert_no_leaks
from trioflow.testing._recording import answer
from trioflow.tools import Tool
from trioflow.workflow import Workflow

Definition = Step[Any, Any] | Tool[..., Any]
MOST_ANSWERS = 100
"""Maximum number of answers that a body gets in one run."""
WATCHED = (None, "inline", "thread")
"""The runners whose bodies can be watched; others use other processes."""


@attrs.frozen
class Terms:
    """The step or tool under test, and the options of the check."""

    definition: Definition
    seconds: float
    blocking: float
    raises: tuple[type[Exception], ...]
    deterministic: bool
    answers: Mapping[str, Any]
    resume: Any
    engine: Mapping[str, Any]
    """Options for `open_engine`."""

    @property
    def where(self) -> str:
        """The step or tool in messages: ``"step 'plan_day'"``."""
        return f"{'tool' if self.of_tool else 'step'} {self.definition.id!r}"

    @property
    def of_tool(self) -> bool:
        return isinstance(self.definition, Tool)

    @property
    def runs_in_thread(self) -> bool:
        return self.definition.signature.kind == "blocking"

    def options(self, *plugins: object) -> dict[str, Any]:
        """Return the options for an engine that also has these plugins."""
        return {**self.engine, "plugins": [*plugins, *self.engine.get("plugins", ())]}


@attrs.define(eq=False)
class Sighting:
    """What was observed of one run."""

    watch: Watch
    trap: Trap
    pace: Pace
    events: list[ev.Event] = attrs.field(factory=list)
    left: list[str] = attrs.field(factory=list)
    """Descriptions of what was leaked."""
    error: BaseException | None = None
    """An error outside the body."""

    def last(self, *types: type[ev.Event]) -> Any:
        """Return the last event of these types, None if there is none."""
        return next((event for event in reversed(self.events) if isinstance(event, types)), None)


def observe(
    terms: Terms, value: Any, point: Point | None = None, *, taking: int | None = None
) -> Sighting:
    """Run a step or tool once, and return what was observed.

    Args:
      value: The input of the step, or the arguments of the tool.
      point: When to cancel it, if at all.
      taking: For a streaming tool: number of pieces to take before closing it. None for all.
    """
    watch = Watch()
    pace = Pace(terms.definition.fn, terms.blocking)
    trap = Trap(watch, pace, point)
    watch.is_meant = trap.is_meant
    seen = Sighting(watch, trap, pace)
    run = partial(_run, terms, _workflow(terms, watch, taking), value, seen)
    with warnings.catch_warnings(record=True) as caught, pace.sampling():
        warnings.simplefilter("always", ResourceWarning)
        try:
            trio.run(run, clock=TrapClock(trap), instruments=[Turns(trap), pace])
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            seen.error = exc
    seen.left += [str(one.message) for one in caught if one.category is ResourceWarning]
    return seen


async def _run(terms: Terms, workflow: Workflow[Any, Any], value: Any, seen: Sighting) -> None:
    follower = Follower(seen.trap, of_tool=terms.of_tool)
    seen.events = follower.events
    with _leaks_into(seen):
        async with open_engine(**terms.options(follower)) as engine:
            run = engine.create_run(workflow, run_id="check")
            follower.watch(run)
            seen.trap.cancel = run.cancel
            with seen.trap.scope:
                await _drive(terms, run, value)
            if seen.trap.point is None:
                # Give tasks that it has leaked the time to use the context.
                await trio.sleep(terms.seconds)
    follower.check()
    check_events(follower.events, workflow)


async def _drive(terms: Terms, run: Run[Any, Any], value: Any) -> None:
    async with run.stream(value) as stream:
        async for event in stream:
            answer(run, event, terms.answers)
    for _ in range(MOST_ANSWERS):
        found = _next_answer(terms, run)
        if found is None:
            return
        label, data = found
        async with run.resume_stream(data, label=label) as stream:
            async for event in stream:
                answer(run, event, terms.answers)


def _next_answer(terms: Terms, run: Run[Any, Any]) -> tuple[str | None, Any] | None:
    """Return the label of a question that a suspended body waits for, and its answer."""
    waiting = suspensions(run.record) if run.status == "suspended" else ()
    for each in waiting:
        if each.label is not None and each.label in terms.answers:
            return each.label, terms.answers[each.label]
        if terms.resume is not MISSING:
            return each.label, terms.resume
    return None


def _workflow(terms: Terms, watch: Watch, taking: int | None) -> Workflow[Any, Any]:
    """Return a workflow of only the step, or of a step that calls the tool."""
    definition: Any = terms.definition
    if definition.runner in WATCHED:
        body = watch.body(definition.fn, definition.signature.kind)
        definition = attrs.evolve(definition, fn=body)
    if isinstance(definition, Step):
        return Workflow("check").then(definition)
    tool = definition

    @step(id="caller")
    async def caller(arguments: Any, ctx: StepContext) -> Any:
        if taking is None:
            return await ctx.call_tool(tool, **arguments)
        async with ctx.stream_tool(tool, **arguments) as pieces:
            left = taking
            async for _ in pieces:  # anext() with a default would hide what it waits for
                left -= 1
                if not left:
                    break
        return None

    return Workflow("check").then(caller)


@contextmanager
def _leaks_into(seen: Sighting) -> Generator[None, None, None]:
    try:
        with assert_no_leaks():
            yield
    except AssertionError as error:
        if not str(error).startswith("leaked: "):
            raise
        seen.left.append(str(error).removeprefix("leaked: "))
