"""Cancels, deletes and prunes runs, one or many."""

from __future__ import annotations

import time
from collections.abc import Sequence

from trioflow._cli.display import say
from trioflow._cli.errors import FAILED, SUCCESS, UsageError, explain
from trioflow._cli.filters import ALL, Filters
from trioflow._cli.hints import in_inbox
from trioflow._cli.owners import asker
from trioflow._cli.stores import Whereabouts, find_run, need_store, open_asking, open_reading
from trioflow._cli.text import clean
from trioflow._cli.times import read_moment
from trioflow._engine.journal.listing import asked, filter_of, unfinished
from trioflow.abc import RunFilter
from trioflow.events import RunStatus
from trioflow.run_info import BulkResult, RunFilters

SHOWN = 5
"""Maximum number of runs for which an error is printed."""


async def cancel(
    run_id: str | None, filters: Filters, yes: bool, reason: str | None, store_url: str | None
) -> int:
    """Cancel a run in any process, or all matching unfinished runs; return the exit code.

    Raises:
      UsageError: if neither or both of an id and filters are given, or there is no such run.
      TrioflowError: if the run has finished.
    """
    kept = need_store(store_url)
    if run_id is None:
        chosen = chosen_runs(filters)
        if not yes:
            await print_count(kept, unfinished(filter_of(**chosen)), "canceled")
            return SUCCESS
        async with open_asking(kept) as (engine, store):
            result = await engine.cancel_runs(reason=reason, by=asker(), **chosen)
            left = await store.count_runs(**asked(unfinished(filter_of(**chosen))))
        done = len(result.done) - min(left, len(result.done))
        print(f"{counted(done)} canceled")
        if done < len(result.done):
            say(f"{counted(len(result.done) - done)} to be canceled by the processes they run in")
        return report(result)
    check_alone(filters, yes)
    async with open_asking(kept) as (engine, store):
        await find_run(store, run_id)
        await engine.cancel_run(run_id, reason, by=asker())
        stored = await find_run(store, run_id)
        if stored.status == "canceled":
            print(f"run {clean(run_id)} is canceled")
        else:
            in_inbox(stored, "the request to cancel it")
    return SUCCESS


async def delete(run_id: str | None, filters: Filters, yes: bool, store_url: str | None) -> int:
    """Delete a run, or all matching runs; return the exit code.

    Raises:
      UsageError: if neither or both of an id and filters are given, or there is no such run.
      RunClaimedError: if the run is running.
    """
    kept = need_store(store_url)
    if run_id is None:
        chosen = chosen_runs(filters)
        if not yes:
            await print_count(kept, filter_of(**chosen), "deleted")
            return SUCCESS
        async with open_asking(kept) as (engine, _):
            result = await engine.delete_runs(**chosen)
        print(f"{counted(len(result.done))} deleted")
        return report(result)
    check_alone(filters, yes)
    async with open_asking(kept) as (engine, store):
        await find_run(store, run_id)
        await engine.delete_run(run_id)
        print(f"run {clean(run_id)} is deleted")
    return SUCCESS


async def prune(before: str, status: Sequence[RunStatus] | None, store_url: str | None) -> None:
    """Delete the runs that were last updated before a time.

    Raises:
      UsageError: if *before* is not a point in time, or there is no such store.
    """
    moment = read_moment(before, "--before", time.time())
    async with open_asking(need_store(store_url)) as (engine, _):
        print(f"{counted(await engine.prune(before=moment, status=status))} deleted")


def chosen_runs(filters: Filters) -> RunFilters:
    """Return the filters of a command for many runs.

    Raises:
      UsageError: if there are none, which would select all runs.
    """
    if filters == ALL:
        raise UsageError(
            "no run selected; give a run id, or filter options such as --status and --before"
        )
    return filters.chosen(time.time())


def check_alone(filters: Filters, yes: bool) -> None:
    """Check that an id is not combined with filter options.

    Raises:
      UsageError: if they do.
    """
    if yes or filters != ALL:
        raise UsageError("give a run id or filter options, but not both")


async def print_count(kept: Whereabouts, chosen: RunFilter, done: str) -> None:
    """Print how many runs match, and how to apply the command to them."""
    async with open_reading(kept) as store:
        count = await store.count_runs(**asked(chosen))
    print(f"{counted(count)} would be {done}")
    if count:
        say("nothing has been done; add --yes to do it")


def report(result: BulkResult) -> int:
    """Report the errors of a bulk command, and return the exit code."""
    for error in list(result.refused.values())[:SHOWN]:
        say(explain(error))
    if len(result.refused) > SHOWN:
        say(f"... and {len(result.refused) - SHOWN:,} more")
    return FAILED if result.refused else SUCCESS


def counted(count: int) -> str:
    """Return a number of runs: ``"2 runs"``."""
    return f"{count:,} run{'s' * (count != 1)}"
