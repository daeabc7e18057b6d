"""Steps that wait for answers, and engines that share a store; for tests of durable runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import trio

from trioflow import Engine, Run, Step, StepContext, Workflow, events, step
from trioflow._engine.journal.codec import decode
from trioflow._engine.journal.encoding import encode
from trioflow.abc import Append, RunHeader
from trioflow.record import fold
from trioflow.stores import MemoryStore
from trioflow.testing import check_events


@attrs.define
class Calls:
    """How often bodies ran, by the id of the step."""

    made: Counter[str] = attrs.field(factory=Counter)

    def asks(self, id: str = "asks", *, label: str | None = None) -> Step[Any, str]:
        """Return a step that asks once, and gives ``"<id>:<answer>"``."""

        @step(id=id)
        async def body(value: Any, ctx: StepContext[Any]) -> str:
            self.made[id] += 1
            if ctx.resume_data is None:
                ctx.suspend({"from": id}, label=label)
            return f"{id}:{ctx.resume_data}"

        return body

    def does(self, id: str = "does") -> Step[Any, Any]:
        """Return a step that passes its input on."""

        @step(id=id)
        async def body(value: Any) -> Any:
            self.made[id] += 1
            return value

        return body


def header(workflow: Workflow[Any, Any], fingerprint: str, run_id: str) -> RunHeader:
    """Return the header of a run that somebody else has written."""
    return RunHeader(
        run_id=run_id,
        workflow_id=workflow.id,
        created_at=0.0,
        format=1,
        fingerprint=fingerprint,
    )


def deaths(recorded: Sequence[events.Event]) -> list[int]:
    """Return how many events a process may have written when it died.

    What is emitted without a checkpoint in between is written in one go.
    """
    return [
        count
        for count in range(1, len(recorded) + 1)
        if count == len(recorded) or not isinstance(recorded[count], events.StepFinish)
    ]


async def cut(store: MemoryStore, run_id: str, count: int) -> MemoryStore:
    """Return a store that holds the first entries of a run and no claim: its process died."""
    stored = await store.get(run_id)
    assert stored is not None
    entries = tuple(await store.read(run_id, limit=10**6))[:count]
    other = MemoryStore()
    append = Append(
        run_id=run_id,
        entries=entries,
        after=-1,
        status=fold(decode(run_id, entries)).status,
        header=stored.header,
    )
    assert await other.append([append]) == [None]
    return other


def journaled(recorded: list[events.Event]) -> list[str]:
    """Return events as the texts of a journal."""
    return [encode(event).text for event in recorded]


async def all_events(engine: Engine, run_id: str) -> list[events.Event]:
    """Return what an engine gives to an observer of a run that has settled."""
    with trio.fail_after(60):
        async with engine.observe(run_id) as observed:
            return [event async for event in observed]


def check(run: Run[Any, Any], workflow: Workflow[Any, Any]) -> None:
    """Check the events of a run of which all are held."""
    check_events(run._life.core.log.history(), workflow)
