"""Retries many runs of a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import trio

from trioflow._cli.display import say
from trioflow._cli.endings import Endings, until_ended
from trioflow._cli.errors import SUCCESS
from trioflow._cli.filters import Filters
from trioflow._cli.owners import asker
from trioflow._cli.stores import need_store, open_stored
from trioflow._cli.targets import import_workflow, is_in_module
from trioflow._cli.upkeep import chosen_runs, counted, print_count, report
from trioflow._engine.journal.listing import filter_of, unsuccessful
from trioflow._ids import retry_id


async def retry_runs(
    filters: Filters, yes: bool, store_url: str | None, limits: Sequence[str]
) -> int:
    """Retry all matching runs that failed or were canceled; return the exit code.

    A signal halts the retries; they can be recovered.

    Args:
      filters: Which runs; the workflow may be ``MODULE:ATTR``.

    Raises:
      UsageError: if no filter is given, or there is no such workflow.
    """
    kept, targets = need_store(store_url, None, limits), []
    if filters.workflow is not None and is_in_module(filters.workflow):
        targets = [filters.workflow]
        filters = replace(filters, workflow=import_workflow(filters.workflow).id)
    chosen = chosen_runs(filters)
    if not yes:
        await print_count(kept, unsuccessful(filter_of(**chosen)), "retried")
        return SUCCESS
    async with open_stored(kept, targets) as (engine, _):
        endings = Endings(engine)

        async def retry() -> None:
            result = await engine.retry_runs(by=asker(), **chosen)
            say(f"{counted(len(result.done))} retried")
            endings.has_failed |= report(result) != SUCCESS
            async with trio.open_nursery() as nursery:
                for run_id in result.done:
                    endings.await_soon(engine.get_run(retry_id(run_id)), nursery)

        return await until_ended(endings, retry)
