"""The claims of an engine on the runs that it drives, and what becomes of runs without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import trio

from trioflow._engine.base.reporting import reported
from trioflow.abc import Store
from trioflow.errors import JournalConflictError, StoreError

if TYPE_CHECKING:
    from trioflow._engine.journal.journal import RunJournal

MARGIN = 0.2
"""Which part of a claim is left when bodies stop whose claim could not be renewed."""
RENEWALS = 3
"""How often a claim is renewed before it would end."""
LONGEST_PAUSE = 1.0
"""Seconds until another try to renew claims that has failed, at most."""


@attrs.define(eq=False)
class Claims:
    """Renews the claims of one owner. Who could not renew in time stops before others begin."""

    store: Store
    owner: str
    seconds: float
    """For how long a claim holds if it is not renewed."""
    _journals: dict[str, RunJournal] = attrs.field(factory=dict)
    _renewed_at: float = 0.0
    """When the claims were last known to hold: Trio's clock."""
    _holding: trio.Event = attrs.field(factory=trio.Event)
    """Set while there are claims."""

    def add(self, run_id: str, journal: RunJournal) -> None:
        """Keep a claim for as long as a run is driven here."""
        if not self._journals:  # nothing had to be renewed until now
            self._renewed_at = trio.current_time()
            self._holding.set()
        self._journals[run_id] = journal

    def remove(self, run_id: str) -> None:
        """Keep the claim on a run no longer."""
        self._journals.pop(run_id, None)
        if not self._journals and self._holding.is_set():
            self._holding = trio.Event()

    async def renew_forever(self) -> None:
        """Renew the claims well before they end. A task of the engine's."""
        pause = self.seconds / RENEWALS
        while True:
            await trio.sleep(pause)
            pause = min(self.seconds / RENEWALS, LONGEST_PAUSE)
            with reported("claims not renewed"):
                if self._journals:
                    await self.renew()
                pause = self.seconds / RENEWALS

    async def watch_forever(self) -> None:
        """Stop all runs before others can take them over. A task of the engine's.

        Not the one that renews: that may hang in the storage, and then cannot be canceled.
        """
        while True:
            await self._holding.wait()
            await trio.sleep_until(self._ends)
            self.check()

    @property
    def _ends(self) -> float:
        """Until when bodies may run: Trio's clock."""
        return self._renewed_at + (1 - MARGIN) * self.seconds

    def check(self) -> None:
        """Stop all runs if others may take them over.

        Also for code that is about to start something: in a process that was stopped, the task that
        watches is woken together with all others, and any of them may be the first to run.
        """
        if self._journals and trio.current_time() >= self._ends:
            self._give_up()

    async def renew(self) -> None:
        """Renew the claims now. Runs whose claim was lost are stopped.

        Raises:
          StoreError: if it cannot be done.
        """
        began, expected = trio.current_time(), dict(self._journals)
        held = await self.store.renew(self.owner, self.seconds)
        self._renewed_at = began
        for run_id, journal in expected.items():
            lost = run_id not in held and self._journals.get(run_id) is journal
            if lost and journal.is_begun:
                self.remove(run_id)
                journal.fail(JournalConflictError(run_id, "its claim was lost to another"))

    def _give_up(self) -> None:
        """Stop all runs: others may take them over from now on."""
        for run_id, journal in list(self._journals.items()):
            self.remove(run_id)
            journal.fail(
                StoreError(
                    "the store",
                    f"the claim on run {run_id} could not be renewed for {self.seconds} s; "
                    "the run was interrupted, and is recovered when the store is back",
                    transient=True,
                )
            )
