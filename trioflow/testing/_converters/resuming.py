"""Promises about suspended runs: payloads and answers, in one engine and in several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from trioflow.context import StepContext
from trioflow.engine import Engine
from trioflow.steps import step
from trioflow.stores import MemoryStore
from trioflow.testing._converters.bench import Bench, Promise, expect
from trioflow.testing._converters.engine import Sighting, in_engine, watch
from trioflow.testing._converters.holding import state_of
from trioflow.testing._converters.running import refused_by, taken_by
from trioflow.testing._converters.values import shortened
from trioflow.workflow import Workflow


@attrs.define(eq=False)
class Waiting:
    """Runs that suspend with their input and return the answer, and what their steps see."""

    bench: Bench
    type: Any
    given: Mapping[str, Any]
    """The input and payload of each run, by run id."""
    store: MemoryStore | None = None
    seen: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    """What the answered step saw, by run id."""
    workflow: Workflow[Any, Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        @step(input=self.type, output=self.type)
        async def keep(value: Any, ctx: StepContext[Any]) -> Any:
            ctx.set_state(item=value)
            return value

        @step(input=self.type, output=self.type, suspend=self.type, resume=self.type)
        async def ask(value: Any, ctx: StepContext[Any]) -> Any:
            if ctx.run_id not in self.seen:
                self.seen[ctx.run_id] = {}
                ctx.suspend(self.given[ctx.run_id])
            self.seen[ctx.run_id] = {
                "the input of the step": value,
                "the input of the run": ctx.init_data,
                "the output of an earlier step": ctx.step_result(keep),
                "the state": ctx.state.item,
                "the payload": ctx.suspend_data,
                "the answer": ctx.resume_data,
            }
            return ctx.resume_data

        state = state_of(self.type)
        workflow = Workflow[Any, Any]("check", input=self.type, output=self.type, state=state)
        self.workflow = workflow.then(keep).then(ask)

    def start_and_resume(self, wrong: Sequence[Any]) -> dict[str, list[Sighting]]:
        """Start all runs, resume each with wrong answers and its input; return all segments."""

        async def go(engine: Engine) -> dict[str, list[Sighting]]:
            parts: dict[str, list[Sighting]] = {}
            for id, given in self.given.items():
                run = engine.create_run(self.workflow, run_id=id)
                parts[id] = [await watch(engine, run.stream(given))]
                for answer in (*wrong, given):
                    opening = run.resume_stream(answer)
                    parts[id].append(await watch(engine, opening))
            return parts

        return in_engine(self.bench, self.workflow, go, self.store)

    def start(self) -> None:
        """Start all runs, in an engine that is closed afterwards."""

        async def go(engine: Engine) -> None:
            for id, given in self.given.items():
                run = engine.create_run(self.workflow, run_id=id)
                (await watch(engine, run.stream(given))).ended()

        in_engine(self.bench, self.workflow, go, self.store)

    def resume(self) -> dict[str, Sighting]:
        """Resume all runs with their input, in another engine."""

        async def go(engine: Engine) -> dict[str, Sighting]:
            ends = {}
            for id, given in self.given.items():
                run = await engine.load_run(id)
                ends[id] = await watch(engine, run.resume_stream(given))
            return ends

        return in_engine(self.bench, self.workflow, go, self.store)

    def load(self) -> dict[str, Sighting]:
        """Return the results of all runs, as a further engine loads them from the store."""

        async def go(engine: Engine) -> dict[str, Sighting]:
            return {id: Sighting(await (await engine.load_run(id)).wait()) for id in self.given}

        return in_engine(self.bench, self.workflow, go, self.store)

    def check_end(self, id: str, run: Sighting, value: Any, when: str) -> None:
        """Check that the steps and the caller got *value* everywhere."""
        result, given = run.ended(), shortened(self.given[id])
        found = {
            **self.seen[id],
            "the output": run.unwrap(),
            **{f"the recorded output of {id}": step.output for id, step in result.steps.items()},
            "the final state": result.state.item,
        }
        for what, each in found.items():
            expect(each, value, f"{what} of a run with {given}, {when}")


def answers_are_values(bench: Bench) -> None:
    """Check payloads, answers, and answers that do not fit, all in one engine."""
    for each in bench.types:
        refused = list(refused_by(bench, each))
        taken = {str(number): pair for number, pair in enumerate(taken_by(each))}
        waiting = Waiting(bench, each.type, {id: given for id, (given, _) in taken.items()})
        parts = waiting.start_and_resume([given for given, _ in refused])
        for id, (given, value) in taken.items():
            first, *refusals, last = parts[id]
            payloads = first.ended().suspend_payload
            expect(payloads, {"ask": value}, f"the payload {shortened(given)}")
            [event] = first.payloads("step-suspended")
            wanted = bench.write(value)
            expect(event.get("suspendPayload"), wanted, f"{shortened(value)} in an event")
            for (wrong, paths), refusal in zip(refused, refusals, strict=True):
                refusal.expect_faults(paths, f"the answer {shortened(wrong)}")
            waiting.check_end(id, last, value, "after an answer")


def runs_continue_in_other_engines(bench: Bench) -> None:
    """Check runs that are started, resumed and loaded in three engines on one store."""
    for each in bench.types:
        values = [*each.readings(), *((bench.write(value), value) for value in each.fitting())]
        taken = {str(number): pair for number, pair in enumerate(values)}
        given = {id: pair[0] for id, pair in taken.items()}
        waiting = Waiting(bench, each.type, given, MemoryStore())
        waiting.start()
        ends, loaded = waiting.resume(), waiting.load()
        for id, (_, value) in taken.items():
            waiting.check_end(id, ends[id], value, "in another engine")
            waiting.check_end(id, loaded[id], value, "after it was loaded")


PROMISES = (
    Promise("values can be payloads and answers", answers_are_values),
    Promise("runs continue in another engine with equal values", runs_continue_in_other_engines),
)
