"""Pages of the runs of one workflow, as a principal may see them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import attrs

from trioflow import RunInfo
from trioflow.events import RunStatus
from trioflow_server.calls import Call
from trioflow_server.finding import Found, travels_of

TRAVELS = "travel"
"""Tag of all runs that time travels have made; they are shown under the ids of others."""
MANY = 500
"""How many runs are read together if they must be looked at one by one."""


@attrs.frozen(kw_only=True)
class Listing:
    """Which runs to list."""

    status: RunStatus | Literal["tripwire"] | None = None
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
    engine = call.service.engine
    pending = [info for info in call.service.pending.of(workflow_id) if _fits(call, listing, info)]
    has_travels = await engine.count_runs(workflow=workflow_id, tags=[TRAVELS]) > 0
    is_shown = listing.status is not None and (has_travels or listing.status == "tripwire")
    parts = _parts(call, workflow_id, listing, has_travels)
    if not has_travels and not is_shown and not pending and len(parts) == 1:
        found = await engine.list_runs(**parts[0], limit=limit, offset=listing.offset)
        return found, await engine.count_runs(**parts[0])
    sources = [Source(call, part) for part in parts]
    pending.sort(key=_age, reverse=True)
    sources.append(Source(call, None, deque(pending)))
    end = None if limit is None else listing.offset + limit
    if not is_shown:
        total = len(pending)
        for part in parts:
            total += await engine.count_runs(**part)
            total -= await engine.count_runs(**part, tags=[TRAVELS]) if has_travels else 0
        return (await _newest(sources, end, _is_no_travel))[listing.offset :], total
    every = await _newest(sources, None, lambda info: _has_status(call, info, listing.status))
    return every[listing.offset : end], len(every)


def _parts(
    call: Call, workflow_id: str, listing: Listing, has_travels: bool
) -> list[dict[str, Any]]:
    """Return filters that together, each run once, let through what the principal sees.

    The store then need not read the headers of others. A run that has travelled is shown with
    another status than its own, so that must be looked at.
    """
    status = "failed" if listing.status == "tripwire" else listing.status
    given = {
        "workflow": workflow_id,
        "status": None if has_travels else status,
        "since": listing.since,
        "before": listing.before,
    }
    seen = call.principal.resources
    if seen is None:
        return [given | {"resource_id": listing.resource_id}]
    if listing.resource_id is not None:
        seen &= {listing.resource_id}
    return [given | {"resource_id": resource} for resource in sorted(seen)]


# ---------------------------------------------------------------- one by one
@attrs.define
class Source:
    """Runs that match some filters, newest first, read in pages."""

    call: Call
    filters: dict[str, Any] | None
    """None if the page is all there is."""
    page: deque[RunInfo] = attrs.field(factory=deque)
    cursor: str | None = None

    async def fill(self) -> bool:
        """Read the next page if it is needed; return whether there is a run."""
        if not self.page and self.filters is not None:
            engine = self.call.service.engine
            self.page.extend(await engine.list_runs(**self.filters, limit=MANY, cursor=self.cursor))
            if len(self.page) == MANY:
                self.cursor = self.page[-1].cursor
            else:
                self.filters = None
        return bool(self.page)


async def _newest(
    sources: Sequence[Source], number: int | None, keep: Callable[[RunInfo], Awaitable[bool]]
) -> list[RunInfo]:
    """Return the newest runs of all sources that are to be kept; all of them if *number* is None"""
    found: list[RunInfo] = []
    while number is None or len(found) < number:
        filled = [source for source in sources if await source.fill()]
        if not filled:
            break
        newest = max(filled, key=lambda source: _age(source.page[0]))
        info = newest.page.popleft()
        if await keep(info):
            found.append(info)
    return found


def _age(info: RunInfo) -> tuple[float, str]:
    return info.created_at, info.run_id


async def _is_no_travel(info: RunInfo) -> bool:
    return TRAVELS not in info.tags


async def _has_status(call: Call, info: RunInfo, status: str | None) -> bool:
    """Return whether a run is shown with a status: that of where it has travelled."""
    if TRAVELS in info.tags:
        return False
    travels = await travels_of(call.service, info)
    newest = travels[0] if travels else info
    if status != "tripwire":
        return newest.status == status
    if newest.status != "failed":
        return False
    shown = await Found(call.service, info.run_id, newest, info).shown()
    return call.service.recorder.status(shown) == status


def _fits(call: Call, listing: Listing, info: RunInfo) -> bool:
    return (
        listing.status in (None, info.status)
        and listing.resource_id in (None, info.resource_id)
        and (listing.since is None or info.created_at >= listing.since)
        and (listing.before is None or info.created_at < listing.before)
        and call.principal.sees(info.resource_id)
    )
