"""Many runs that tick along, and what must hold of them whatever was away meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import attrs
import trio

from tests.crash.checks import bodies
from tests.crash.history import Body, History, Journal
from trioflow import Engine, StepContext, Workflow, events, step
from trioflow._engine.journal.codec import decode
from trioflow.abc import Store
from trioflow.testing import check_events

RUNS = 100
TICKS = 8
PATIENCE = 60.0
"""Seconds that the runs may take to end, after all is there again, on a slow machine."""


@attrs.define
class Ticking:
    """A workflow of short steps, and when their bodies ran."""

    seconds: float = 0.3
    bodies: list[Body] = attrs.field(factory=list)

    @property
    def workflow(self) -> Workflow[Any, Any]:
        """The workflow; an input of 0 becomes `TICKS`."""
        flow = Workflow("ticking", input=int, output=int)
        return flow.dountil(self._step(), lambda value: value >= TICKS)

    def _step(self) -> Any:
        @step
        async def tick(value: int, ctx: StepContext[Any]) -> int:
            begin, has_given = time.time(), False
            try:
                await trio.sleep(self.seconds)
                has_given = True
            finally:
                ran = Body(
                    process="here",
                    call=ctx.step_call_id,
                    run=ctx.run_id,
                    begin=begin,
                    end=time.time(),
                    has_given=has_given,
                    value=value + 1,
                )
                self.bodies.append(ran)
            return value + 1

        return tick

    async def check(self, engine: Engine) -> Counter[str]:
        """Wait until all runs have ended, check what has happened, and count it."""
        store = engine.store
        assert store is not None
        with trio.fail_after(PATIENCE):
            for run in await store.list_runs():
                await wait_end(store, run.header.run_id)
        journals = await read_journals(store)
        history = History(bodies=self.bodies, journals=journals)
        assert len(journals) == RUNS
        faults: list[str] = []
        for journal in journals.values():
            assert journal.finish is not None
            assert (journal.finish.status, journal.finish.result) == ("success", TICKS)
        for check in (
            bodies.recorded_calls_do_not_run_again,
            bodies.no_call_runs_twice_at_once,
            bodies.recorded_outputs_are_what_bodies_gave,
        ):
            faults += check(history)
        assert faults == []
        return counts(history)


async def wait_end(store: Store, run_id: str) -> None:
    """Wait until a run has ended, whatever breaks it off meanwhile."""
    while True:
        run = await store.get(run_id)
        assert run is not None
        if run.status in events.FINISHED_STATUSES:
            return
        await trio.sleep(0.1)


async def read_journals(store: Store) -> dict[str, Journal]:
    journals = {}
    for run in await store.list_runs():
        run_id = run.header.run_id
        recorded = decode(run_id, list(await store.read(run_id, limit=10**6)))
        check_events(recorded)
        journals[run_id] = Journal(run=run_id, workflow="ticking", events=recorded)
    return journals


def counts(history: History) -> Counter[str]:
    """Return how many bodies ran, and how often runs were interrupted."""
    found = Counter({"bodies": len(history.bodies)})
    found["bodies of calls that ran again"] = len(history.bodies) - RUNS * TICKS
    for journal in history.journals.values():
        for recovery in journal.of(events.Recover):
            found["crashes" if recovery.crashed else "interruptions"] += 1
    return found
