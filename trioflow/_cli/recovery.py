"""Recovers the interrupted runs of a store, and waits for those of other processes."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import trio

from trioflow._cli.display import say
from trioflow._cli.endings import Endings
from trioflow._cli.owners import driven_by, is_enqueued, is_interrupted
from trioflow._cli.text import clean
from trioflow.abc import Store, StoredRun
from trioflow.errors import TrioflowError
from trioflow.events import ACTIVE_STATUSES

LOOK = 1.0
"""Seconds between two searches for runs whose process has died."""
SHOWN = 5
"""Maximum number of runs whose process is printed."""


@attrs.define(eq=False)
class Recovery:
    """Recovers the runs of a store, and reports how they end."""

    endings: Endings
    store: Store

    async def run(self, wait: bool) -> None:
        """Recover the interrupted runs, and wait for them.

        Args:
          wait: Whether to also wait for the runs of other processes, and to recover them.
        """
        recovered = await self.endings.engine.recover()
        say(f"{_runs(len(recovered))} to recover")
        async with trio.open_nursery() as nursery:
            for run in recovered:
                self.endings.await_soon(run, nursery)
            held = await self._others({run.run_id for run in recovered})
            self._report_held(held, wait)
            if wait:
                await self._await_others(held, nursery)

    async def _others(self, recovered: set[str]) -> list[StoredRun]:
        """Return the unfinished runs of other processes; report unknown workflows."""
        unfinished = await self.store.list_runs(status=ACTIVE_STATUSES)
        self._report_unknown({each.header.workflow_id for each in unfinished})
        self.endings.has_failed |= any(is_interrupted(each) for each in unfinished)
        own = {life.run_id for life in self.endings.engine._runs.known() if life.is_driven_here}
        return [
            each
            for each in unfinished
            if each.header.workflow_id in self.endings.engine.workflows
            and each.header.run_id not in own | recovered
            and not is_interrupted(each)
            and not is_enqueued(each)
        ]

    def _report_unknown(self, ids: set[str]) -> None:
        for id in sorted(ids - {*self.endings.engine.workflows}):
            say(clean(f"workflow {id!r} is not installed; name it with --workflow MODULE:ATTR"))
            self.endings.has_failed = True

    def _report_held(self, held: Sequence[StoredRun], wait: bool) -> None:
        for each in held[:SHOWN]:
            say(f"run {clean(each.header.run_id)} runs in {driven_by(each)}")
        if len(held) > SHOWN:
            say(f"... and {len(held) - SHOWN:,} more")
        if held and not wait:
            say("use --wait to wait for them, and to recover those whose process dies")

    # ------------------------------------------------------------ waiting
    async def _await_others(self, held: Sequence[StoredRun], nursery: trio.Nursery) -> None:
        """Wait for the runs of other processes, and recover those whose process dies."""
        for each in held:
            try:
                self.endings.await_soon(
                    await self.endings.engine.load_run(each.header.run_id), nursery
                )
            except TrioflowError as exc:
                self.endings.print_end(
                    each.header.run_id, each.header.workflow_id, f"cannot be loaded: {exc}"
                )
                self.endings.has_failed = True
        while self.endings.awaited:
            await trio.sleep(LOOK)
            for run in await self.endings.engine.recover():
                self.endings.await_soon(run, nursery)


def _runs(count: int) -> str:
    return f"{count:,} interrupted run{'s' * (count != 1)}"
