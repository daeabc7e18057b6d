"""The workflow of the run, in two versions of a program, and a witness of what its bodies do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import trio

from tests.properties.lives.processes import here
from trioflow import StepContext, Workflow, events, step
from trioflow._engine.journal.codec import decode
from trioflow.stores._shelf import Shelf

NAP = 3.0
"""Seconds that a body may take."""


@attrs.frozen
class Old:
    """What a step gives, in the first version."""

    old: int


@attrs.frozen
class New:
    """The same in the second version, which cannot read what the first has written, nor it."""

    new: int


VERSIONS: dict[str, type[Old | New]] = {"old": Old, "new": New}


@attrs.define(eq=False)
class Witness:
    """Sees what bodies do, in processes that live."""

    shelf: Shelf
    running: Counter[str] = attrs.field(factory=Counter)
    faults: list[str] = attrs.field(factory=list)

    async def body(self, ctx: StepContext[Any], seconds: float = 0) -> None:
        """Be the body of a step."""
        process, call = here.get(), ctx.step_call_id
        if process.is_dead:
            return
        if self._is_recorded(ctx):
            self.faults.append(f"{ctx.step_id} is recorded and runs again")
        self.running[call] += 1
        if self.running[call] > 1:
            self.faults.append(f"{ctx.step_id} runs twice at the same time")
        try:
            await trio.sleep(seconds)
        finally:
            self.running[call] -= 1

    def _is_recorded(self, ctx: StepContext[Any]) -> bool:
        """Tell whether the store has the end of a call."""
        journal = self.shelf.journals.get(ctx.run_id)
        recorded = decode(ctx.run_id, journal.entries) if journal is not None else ()
        return any(
            isinstance(event, events.StepResult)
            and event.status == "success"
            and event.step_call_id == ctx.step_call_id
            for event in recorded
        )


def build(witness: Witness, version: str) -> Workflow[Any, Any]:
    """Return the workflow, as one of the two versions has it.

    Its first node gives nothing that the other version could not read; its end takes time.
    """
    gives = VERSIONS[version]

    @step(resume=int, suspend=int)
    async def asks(value: Any, ctx: StepContext[Any]) -> Any:
        await witness.body(ctx)
        if ctx.resume_data is None:
            ctx.suspend(1, label="question")
        return ctx.resume_data

    @step(output=gives)
    async def typed(value: Any, ctx: StepContext[Any]) -> Any:
        await witness.body(ctx, NAP)
        ctx.set_state(typed=1)
        return gives(1)

    @step
    async def goes(value: Any, ctx: StepContext[Any]) -> Any:
        await witness.body(ctx, NAP)
        return ctx.resume_data

    async def on_finish(result: Any) -> None:
        with trio.CancelScope(shield=True):  # also the end of a run that is canceled takes time
            await trio.sleep(1)

    flow: Workflow[Any, Any] = Workflow("flow", input=Any, output=Any, on_finish=on_finish)
    return (
        flow.then(asks)
        .then(typed)
        .wait_for_event("go", goes)
        .sleep(NAP)
        .then(asks.clone("again"))
        .then(goes.clone("last"))
    )
