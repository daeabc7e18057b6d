"""What a worker reports to instruments: what it took and lost, and what waits in the queues."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import trio

from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report, reported
from trioflow._engine.journal.claims import Claims
from trioflow.abc import Instrument, Store, StoredQueue, WorkReport

REPORT = 15.0
"""Seconds between two looks at the queues. They cost as much as there are runs that wait."""


@attrs.define(eq=False)
class WorkReporter:
    """Reports to the instruments that want to know."""

    _claims: Claims
    _all: Sequence[Instrument]
    _instruments: list[Instrument] = attrs.field(init=False)
    _lost: int = attrs.field(init=False)
    """How many claims were lost when that was last reported."""
    _look_at: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._lost = self._claims.lost
        self._look_at = trio.current_time()
        self._instruments = [
            each for each in self._all if type(each).on_work is not Instrument.on_work
        ]

    def report(self, taken: int, queues: Sequence[StoredQueue] | None = None) -> None:
        """Report what was done, if there is anything to report."""
        lost, self._lost = self._claims.lost - self._lost, self._claims.lost
        if not taken and not lost and queues is None:
            return
        for each in tuple(self._instruments):
            try:
                each.on_work(WorkReport(taken=taken, lost=lost, queues=queues))
            except BaseException as exc:
                if must_pass(exc):
                    raise
                self._instruments.remove(each)
                report("instrument %s is no longer told about work", each, error=exc)

    async def look(self, store: Store) -> None:
        """Report what waits in the queues, now and then.

        **Checkpoints**: if it looks.
        """
        if not self._instruments or trio.current_time() < self._look_at:
            return
        self._look_at = trio.current_time() + REPORT
        with reported("queues could not be looked up"):
            self.report(0, await store.list_queues())
