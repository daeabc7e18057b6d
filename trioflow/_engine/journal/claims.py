"""The claims of an engine on the runs that it drives, and what happens when a claim is lost."""

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
"""The fraction of a claim that is left when bodies stop whose claim was not renewed."""
RENEWALS = 3
"""How many times a claim is renewed within its duration."""
LONGEST_PAUSE = 1.0
"""Maximum seconds between two tries to renew the claims."""


@attrs.define(eq=False)
class Claims:
    """Renews the claims of one owner. Runs stop before a claim that is not renewed expires."""

    store: Store
    owner: str
    seconds: float
    """Seconds that a claim holds without renewal."""
    _journals: dict[str, RunJournal] = attrs.field(factory=dict)
    lost: int = 0
    """How many claims were lost so far."""
    _renewed_at: float = 0.0
    """When the claims were last known to hold, on Trio's clock."""
    _holding: trio.Event = attrs.field(factory=trio.Event)
    """Set while there are claims."""

    def add(self, run_id: str, journal: RunJournal) -> None:
        """Hold a claim for as long as a run is driven here."""
        if not self._journals:  # no renewal was needed before
            self._renewed_at = trio.current_time()
            self._holding.set()
        self._journals[run_id] = journal

    def remove(self, run_id: str) -> None:
        """Stop holding the claim on a run."""
        self._journals.pop(run_id, None)
        if not self._journals and self._holding.is_set():
            self._holding = trio.Event()

    async def renew_forever(self) -> None:
        """Renew the claims well before they expire. A task of the engine."""
        pause = self.seconds / RENEWALS
        while True:
            await trio.sleep(pause)
            pause = min(self.seconds / RENEWALS, LONGEST_PAUSE)
            with reported("claims not renewed"):
                if self._journals:
                    await self.renew()
                pause = self.seconds / RENEWALS

    async def watch_forever(self) -> None:
        """Stop all runs before other engines can take them over. A task of the engine.

        Separate from the task that renews, which may hang in the store and then cannot be canceled.
        """
        while True:
            await self._holding.wait()
            await trio.sleep_until(self._ends)
            self.check()

    @property
    def _ends(self) -> float:
        """Return until when bodies may run, on Trio's clock."""
        return self._renewed_at + (1 - MARGIN) * self.seconds

    def check(self) -> None:
        """Stop all runs if other engines may take them over.

        Code that is about to start a body also calls this: when a suspended process wakes up, all
        tasks wake with the watching task, and any of them may run first.
        """
        if self._journals and trio.current_time() >= self._ends:
            self._give_up()

    async def renew(self) -> None:
        """Renew the claims now, and stop the runs whose claim was lost.

        Raises:
          StoreError: if the store fails.
        """
        began, expected = trio.current_time(), dict(self._journals)
        held = await self.store.renew(self.owner, self.seconds)
        self._renewed_at = began
        for run_id, journal in expected.items():
            lost = run_id not in held and self._journals.get(run_id) is journal
            if lost and journal.is_begun:
                self.lost += 1
                self.remove(run_id)
                journal.fail(JournalConflictError(run_id, "another engine has claimed it"))

    def _give_up(self) -> None:
        """Stop all runs: other engines may take them over from now on."""
        for run_id, journal in list(self._journals.items()):
            self.lost += 1
            self.remove(run_id)
            journal.fail(
                StoreError(
                    repr(self.store),
                    f"the claim on run {run_id} could not be renewed for {self.seconds} s; "
                    "the run was interrupted, and will be recovered when the store is back",
                    transient=True,
                )
            )
