"""Pages of the runs of all workflows, as a principal may see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from trioflow import RunInfo
from trioflow_server.calls import Call
from trioflow_server.pages.filters import Filters

ON_PAGE = 50
TOGETHER = 500
"""How many runs are looked at together if the principal does not see all."""
MOST_LOOKED_AT = 5_000
"""How many runs are looked at for one page."""


@attrs.frozen
class RunPage:
    """Some runs, newest first."""

    runs: Sequence[RunInfo]
    next: str | None
    """The cursor of the next page; None if this is the last one."""


async def list_runs(call: Call, filters: Filters, cursor: str | None) -> RunPage:
    """Return a page of runs.

    Raises:
      ValueError: if the cursor is none.
    """
    seen, wanted = call.principal.resources, filters.chosen
    if seen is not None and wanted["resource_id"] is None and len(seen) == 1:
        wanted = {**wanted, "resource_id": next(iter(seen))}
    sees_all = seen is None or wanted["resource_id"] in seen
    if not sees_all and wanted["resource_id"] is not None:
        return RunPage((), None)
    if not sees_all:
        return await _seen_by(call, wanted, cursor)
    found = await call.service.engine.list_runs(**wanted, limit=ON_PAGE + 1, cursor=cursor)
    return RunPage(found[:ON_PAGE], found[ON_PAGE - 1].cursor if len(found) > ON_PAGE else None)


async def _seen_by(call: Call, wanted: dict[str, Any], cursor: str | None) -> RunPage:
    found: list[RunInfo] = []
    for _ in range(MOST_LOOKED_AT // TOGETHER):
        page = await call.service.engine.list_runs(**wanted, limit=TOGETHER, cursor=cursor)
        for info in page:
            cursor = info.cursor
            if call.principal.sees(info.resource_id):
                found.append(info)
            if len(found) == ON_PAGE:
                return RunPage(found, cursor)
        if len(page) < TOGETHER:
            return RunPage(found, None)
    return RunPage(found, cursor)
