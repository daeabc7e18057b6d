"""``trioflow runs --workers``: who works on what, and how much waits for workers."""

from __future__ import annotations

import time
from contextlib import nullcontext

from trioflow._cli.errors import UsageError
from trioflow._cli.filters import ALL, Filters
from trioflow._cli.output import exclusive_stdout
from trioflow._cli.owners import NOBODY
from trioflow._cli.stores import need_store, open_reading
from trioflow._cli.tables import print_lines
from trioflow._cli.text import clean, duration, safe_json
from trioflow._cli.times import local_time
from trioflow.abc import StoredOwner, StoredQueue

OWNERS = ("OWNER", "TAKEN", "LOST", "OLDEST CLAIM", "HELD FOR")
QUEUES = ("QUEUE", "WAITING", "OLDEST WAITING")


async def print_workers(store_url: str | None, filters: Filters, as_lines: bool) -> None:
    """List the owners of claims and the queues of a store, as tables or as JSON lines.

    Raises:
      UsageError: if there is no such store, or runs are to be selected.
    """
    if filters != ALL:
        raise UsageError("--workers lists workers and queues; no option selects among them")
    kept = need_store(store_url)
    with exclusive_stdout() if as_lines else nullcontext() as output:
        async with open_reading(kept) as store:
            owners, queues = await store.list_owners(), await store.list_queues()
        if output is not None:
            for line in (*map(_owner_json, owners), *map(_queue_json, queues)):
                await output.write(safe_json(line) + "\n")
            return
        now = time.time()
        print_lines(OWNERS, [_owner_row(owner, now) for owner in owners], "no claimed runs")
        print()
        print_lines(QUEUES, [_queue_row(queue, now) for queue in queues], "no waiting runs")


def _owner_row(owner: StoredOwner, now: float) -> tuple[str, ...]:
    held = duration(owner.held_for) if owner.held_for > 0 else NOBODY
    lost = f"{_lost(owner):,}" if _lost(owner) else ""
    return clean(owner.owner), f"{owner.runs:,}", lost, _since(owner.claimed_at, now), held


def _lost(owner: StoredOwner) -> int:
    """Return how many of its claims are lost: it is dead, or could not renew them in time.

    No other worker has taken these runs over yet.
    """
    return 0 if owner.held_for > 0 else owner.runs


def _queue_row(queue: StoredQueue, now: float) -> tuple[str, ...]:
    return clean(queue.queue), f"{queue.waiting:,}", _since(queue.oldest, now)


def _since(at: float, now: float) -> str:
    return f"{local_time(at)} ({duration(max(0.0, now - at))} ago)"


def _owner_json(owner: StoredOwner) -> dict[str, object]:
    return {
        "owner": owner.owner,
        "runs": owner.runs,
        "lost": _lost(owner),
        "claimedAt": owner.claimed_at,
        "heldFor": owner.held_for,
    }


def _queue_json(queue: StoredQueue) -> dict[str, object]:
    return {"queue": queue.queue, "waiting": queue.waiting, "oldest": queue.oldest}
