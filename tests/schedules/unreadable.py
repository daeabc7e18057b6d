"""Schedules in a store that this program cannot read."""

from __future__ import annotations

import attrs

from trioflow.abc import ScheduleStore

WRONG = {
    "zone": '{"when":[{"cron":"0 4 * * *","zone":"Mars/Base"}],"start":null,"end":null,"limit":1}',
    "kind": '{"when":[{"tide":"high"}],"start":null,"end":null,"limit":null}',
    "shape": '["when"]',
    "text": '{"when":[{"cron',
}
"""Rules that another version or another machine has written, or that are damaged."""


async def spoil(store: ScheduleStore, id: str, rule: str) -> None:
    """Replace the rule of a stored schedule."""
    stored = await store.get_schedule(id)
    assert stored is not None
    assert await store.put_schedule(attrs.evolve(stored, rule=rule), if_version=stored.version)
