"""What a store knows: its runs, one of them as a tree, and its events."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import nullcontext
from typing import Any

import trio

from trioflow._cli.display import Display
from trioflow._cli.errors import BROKEN_PIPE, SUCCESS
from trioflow._cli.jsonl import JsonDisplay
from trioflow._cli.output import Output, exclusive_stdout
from trioflow._cli.plain import PlainDisplay
from trioflow._cli.records import StoredView, as_json
from trioflow._cli.stores import find_run, need_store, open_stored
from trioflow._cli.tables import print_lines
from trioflow._cli.text import clean, one_line, safe_json
from trioflow._cli.tree import print_tree
from trioflow._engine.journal.reading import read_events
from trioflow.abc import Store, StoredRun
from trioflow.errors import JournalFormatError
from trioflow.events import ACTIVE_STATUSES, Event, RunStatus
from trioflow.record import RunState

HEADERS = ("ID", "WORKFLOW", "STATUS", "CREATED", "UPDATED", "GOING ON IN")
NOBODY = "nobody"


async def print_runs(
    store_url: str | None,
    status: Sequence[RunStatus] | None,
    workflow: str | None,
    as_lines: bool,
) -> None:
    """List the runs in a store, newest first, as a table or as JSON lines."""
    kept = need_store(store_url)
    with exclusive_stdout() if as_lines else nullcontext() as output:
        async with open_stored(kept) as (_, store):
            found = await store.list_runs(status=status, workflow_id=workflow)
        if output is not None:
            for stored in found:
                await output.write(safe_json(_describe(stored)) + "\n")
        else:
            print_lines(HEADERS, [_row(stored) for stored in found], "there is no such run")


async def print_run(run_id: str, store_url: str | None, as_object: bool) -> None:
    """Print a run as a tree or as one JSON object.

    Raises:
      UsageError: if there is no such run.
      JournalFormatError: if its journal is damaged, after printing what is before the damage.
    """
    kept = need_store(store_url)
    with exclusive_stdout() if as_object else nullcontext() as output:
        async with open_stored(kept) as (_, store):
            stored = await find_run(store, run_id)
            view = StoredView(_owner(stored) == NOBODY)
            damage = await _apply_recorded(store, run_id, view)
        if output is not None:
            whole = {**_describe(stored), **as_json(view)}
            await output.write(safe_json(whole, indent=2) + "\n")
        else:
            print(clean(f"run {run_id}{_situation(stored)}"))
            print_tree(view, time.time())
    if damage is not None:
        raise damage


async def _apply_recorded(store: Store, run_id: str, view: StoredView) -> JournalFormatError | None:
    """Take all events of a run into account, up to the damage that is returned."""
    try:
        async for event in read_events(store, run_id):
            view.apply(event)
    except JournalFormatError as exc:
        return exc
    return None


async def print_events(
    run_id: str, after: int | None, follow: bool, as_lines: bool, store_url: str | None
) -> int:
    """Print the events of a run, those to come too if asked for; return the exit code.

    Raises:
      UsageError: if there is no such run.
      JournalFormatError: if its journal is damaged, after printing what is before the damage.
    """
    kept = need_store(store_url)
    with exclusive_stdout() if as_lines else nullcontext() as output:
        async with open_stored(kept) as (engine, store):
            await find_run(store, run_id)
            display: Display = JsonDisplay(output, engine.converter) if output else _plain()
            if not follow:
                found = read_events(store, run_id, -1 if after is None else after)
                return await _print_all(_folded(found) if after is None else found, display)
            async with engine.observe(run_id, after) as events:
                return await _print_all(events, display)


async def _folded(found: AsyncIterable[Event]) -> AsyncIterator[Event]:
    """Give all events of a run, and raise at the end what is wrong with their order.

    Raises:
      JournalFormatError: if one is missing, or at another's place.
    """
    state, damage = RunState(), None
    async for event in found:
        yield event
        try:
            if damage is None:
                state.apply(event)
        except JournalFormatError as exc:
            damage = exc
    if damage is not None:
        raise damage


async def _print_all(events: AsyncIterable[Event], display: Display) -> int:
    code = SUCCESS

    async def attend() -> None:
        nonlocal code
        await display.attend()
        code = BROKEN_PIPE
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attend)
        async for event in events:
            await display.show(event)
        nursery.cancel_scope.cancel()
    return code


def _plain() -> PlainDisplay:
    return PlainDisplay(Output(sys.stdout.fileno(), sys.stdout.encoding))


def _row(stored: StoredRun) -> tuple[str, ...]:
    header = stored.header
    times = (_local_time(at) for at in (header.created_at, stored.updated_at))
    return (header.run_id, header.workflow_id, stored.status, *times, _owner(stored))


def _owner(stored: StoredRun) -> str:
    """Return who goes on with a run: who has claimed it, if the claim holds."""
    if stored.status not in ACTIVE_STATUSES:
        return ""
    return stored.owner if stored.held_for > 0 and stored.owner else NOBODY


def _situation(stored: StoredRun) -> str:
    owner = _owner(stored)
    if owner == NOBODY:
        return ", interrupted: it can be resumed"
    return owner and f", going on in {owner}"


def _local_time(at: float) -> str:
    try:
        return dt.datetime.fromtimestamp(at, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (TypeError, ValueError, OverflowError, OSError):  # what a damaged store may hold
        return one_line(str(at))


def _describe(stored: StoredRun) -> dict[str, Any]:
    header = stored.header
    return {
        "runId": header.run_id,
        "workflowId": header.workflow_id,
        "resourceId": header.resource_id,
        "status": stored.status,
        "createdAt": header.created_at,
        "updatedAt": stored.updated_at,
        "lastSeq": stored.last_seq,
        "owner": stored.owner,
        "heldFor": stored.held_for,
    }
