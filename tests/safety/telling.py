"""Tells a story in an engine while something goes wrong, and looks at what is left of it."""

from __future__ import annotations

import random
from typing import Any

import attrs
import trio
import trio._core._run
from trio.testing import MockClock

from tests.safety.injecting import InjectedError, for_the_run
from tests.safety.stories import FLOWS, Story, Teller, Watching
from trioflow import Engine, Run, Workflow, open_engine, step
from trioflow._engine.base.outcome import leaves
from trioflow._engine.journal.codec import decode
from trioflow._engine.life.life import DRIVEN_HERE
from trioflow._phases import Phase
from trioflow.errors import TrioflowError
from trioflow.record import fold
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

BYSTANDER = "bystander"
ENDLESS = 3000
"""Seconds of virtual time that nothing takes."""


@step
async def passes(value: Any) -> Any:
    await trio.sleep(1)
    return value


bystander = (
    Workflow("bystander", input=int, output=int)
    .then(passes)
    .wait_for_event("end", passes.clone("ends"))
)


@attrs.define(eq=False)
class Telling:
    """One story, once."""

    story: Story
    is_durable: bool
    is_interrupted: bool = False
    """Whether Ctrl-C may come, which leaves the engine."""
    store: MemoryStore = attrs.field(factory=MemoryStore)
    teller: Teller = attrs.field(init=False)

    def play(self) -> None:
        """Tell it on a clock of its own, always with the same schedule."""
        schedule: random.Random = trio._core._run._r
        schedule.seed(0)
        trio.run(self._tell, clock=MockClock(autojump_threshold=0))

    def open(self) -> Any:
        return open_engine(
            plugins=[],
            store=self.store if self.is_durable else None,
            workflows=[*FLOWS, bystander],
            instruments=[Watching()],
            limits={"few": 1},
            journal_chunks=True,
        )

    async def _tell(self) -> None:
        with trio.fail_after(ENDLESS):
            async with trio.open_nursery() as readers:
                self.teller = Teller(self.open, readers)
                try:
                    async with self.open() as engine:
                        await self._beside_a_bystander(engine)
                except BaseException as exc:  # Ctrl-C, beside what came of it in the story
                    interrupts = [exc for exc in leaves(exc) if type(exc) is KeyboardInterrupt]
                    if not (interrupts and self.is_interrupted):
                        raise
                    _check_expected(exc, KeyboardInterrupt)
                for run, reader in self.teller.runs.items():
                    if run._life.phase in (Phase.PENDING, Phase.WAITING):
                        reader.cancel()  # there may be more to come for them; others have an end
            await self.check()

    async def _beside_a_bystander(self, engine: Engine) -> None:
        beside = engine.submit(bystander, 7, run_id=BYSTANDER)
        token = for_the_run.set(True)
        try:
            await self.story(self.teller, engine)
        except BaseException as exc:
            if any(type(leaf) is KeyboardInterrupt for leaf in leaves(exc)):
                raise
            _check_expected(exc)
        finally:
            for_the_run.reset(token)
        beside.send_event("end")
        result = await beside.wait()
        assert (result.status, result.output) == ("success", 7), "the bystander"
        check_events(beside._life.core.log.history(), bystander)

    # ------------------------------------------------------------ what is left
    async def check(self) -> None:
        """Check that nothing is left of the run that is not at rest, and that it can continue."""
        for run in self.teller.runs:
            await _check_rest(run)
        if self.is_durable:
            await self._check_claims()
            await self._check_recovery()
            await self._check_journals()

    async def _check_claims(self) -> None:
        for stored in await self.store.list_runs():
            assert stored.owner is None, f"{stored.header.run_id} is claimed"

    async def _check_recovery(self) -> None:
        journals = self.store._shelf.journals
        requested = {
            run_id
            for run_id, journal in journals.items()
            for request in journal.requests.values()
            if request.kind == "cancel"  # accepted, and not yet in the journal
        }
        async with self.open() as engine:
            for run in await engine.recover():
                was_canceled = run.record.is_canceled or run.run_id in requested
                if run.status == "running":  # it may have had nothing left to do
                    for name in ("end", "go", "more"):
                        run.send_event(name, {"name": "Paris"})
                status = (await run.wait()).status
                assert (status == "canceled") is was_canceled, f"recovered, it is {status}"

    async def _check_journals(self) -> None:
        for stored in await self.store.list_runs():
            run_id = stored.header.run_id
            recorded = list(decode(run_id, await self.store.read(run_id, limit=10**6)))
            check_events(recorded)
            assert fold(recorded).status == stored.status


async def _check_rest(run: Run[Any, Any]) -> None:
    life = run._life
    if life.phase is Phase.PENDING:
        return
    assert life.phase not in DRIVEN_HERE, f"its engine is closed, and it is {life.phase.value}"
    assert life.driver is None
    with trio.fail_after(1):
        try:
            result = await run.wait()
        except BaseException as exc:
            _check_expected(exc)
            return
    assert result.status == run.status
    assert fold(life.core.log.history()) == run.record


def _check_expected(exc: BaseException, *others: type[BaseException]) -> None:
    """Check that a story was ended by what was injected, or by what came of it."""
    for leaf in leaves(exc):
        if not isinstance(leaf, (InjectedError, SystemExit, TrioflowError, *others)):
            raise exc
