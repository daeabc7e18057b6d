"""Pages of the runs of one workflow, as a principal may see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from trioflow import RunInfo
from trioflow.events import RunStatus
from trioflow_server.calls import Call
from trioflow_server.finding import travels_of

TRAVELS = "travel"
"""Tag of all runs that time travels have made; they are shown under the ids of others."""
MANY = 500
"""How many runs are looked at together if they must be looked at one by one."""


@attrs.frozen(kw_only=True)
class Listing:
    """Which runs to list."""

    status: RunStatus | None = None
    resource_id: str | None = None
    since: float | None = None
    before: float | None = None
    limit: int | None = None
    offset: int = 0


async def list_page(
    call: Call, workflow_id: str, listing: Listing
) -> tuple[Sequence[RunInfo], int]:
    """Return a page of runs, newest first, and how many match in all."""
    limit = listing.limit
    if limit is not None:
        limit = min(limit, call.service.options.limits.page_size)
    pending = [info for info in call.service.pending.of(workflow_id) if _fits(call, listing, info)]
    if pending or await _is_special(call, workflow_id):
        every = [*pending, *await _all(call, workflow_id, listing)]
        every.sort(key=lambda info: (info.created_at, info.run_id), reverse=True)
        end = None if limit is None else listing.offset + limit
        return every[listing.offset : end], len(every)
    given = _filters(workflow_id, listing)
    engine = call.service.engine
    found = await engine.list_runs(**given, limit=limit, offset=listing.offset)
    return found, await engine.count_runs(**given)


async def _is_special(call: Call, workflow_id: str) -> bool:
    """Return whether the store cannot page by itself what the principal sees."""
    if call.principal.resources is not None:
        return True
    return await call.service.engine.count_runs(workflow=workflow_id, tags=[TRAVELS]) > 0


def _filters(workflow_id: str, listing: Listing) -> dict[str, Any]:
    return {
        "workflow": workflow_id,
        "status": listing.status,
        "resource_id": listing.resource_id,
        "since": listing.since,
        "before": listing.before,
    }


async def _all(call: Call, workflow_id: str, listing: Listing) -> list[RunInfo]:
    """Return all matching runs; one that has travelled has the status of where it is now."""
    given = _filters(workflow_id, listing) | {"status": None}
    found: list[RunInfo] = []
    cursor = None
    while True:
        page = await call.service.engine.list_runs(**given, limit=MANY, cursor=cursor)
        for info in page:
            if TRAVELS not in info.tags and call.principal.sees(info.resource_id):
                travels = await travels_of(call.service, info)
                status = travels[0].status if travels else info.status
                if listing.status in (None, status):
                    found.append(info)
        if len(page) < MANY:
            return found
        cursor = page[-1].cursor


def _fits(call: Call, listing: Listing, info: RunInfo) -> bool:
    return (
        listing.status in (None, info.status)
        and listing.resource_id in (None, info.resource_id)
        and (listing.since is None or info.created_at >= listing.since)
        and (listing.before is None or info.created_at < listing.before)
        and call.principal.sees(info.resource_id)
    )
