"""Prints what a store holds: its runs, one run as a tree, and the events of a run."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import nullcontext
from typing import Any

import trio

from trioflow._cli.display import Display, say
from trioflow._cli.errors import BROKEN_PIPE, SUCCESS, UsageError
from trioflow._cli.filters import Filters
from trioflow._cli.jsonl import JsonDisplay
from trioflow._cli.output import Output, exclusive_stdout
from trioflow._cli.owners import driven_by, is_enqueued, is_interrupted
from trioflow._cli.places import ArmOrder
from trioflow._cli.plain import PlainDisplay
from trioflow._cli.records import StoredView, as_json
from trioflow._cli.stores import find_run, need_store, open_reading
from trioflow._cli.tables import print_lines
from trioflow._cli.text import clean, one_line, safe_json
from trioflow._cli.times import local_time
from trioflow._cli.tree import print_tree
from trioflow._engine.journal.listing import asked, filter_of, input_of
from trioflow._engine.journal.observing import Journals, open_stored
from trioflow._engine.journal.reading import JournalReader
from trioflow._engine.stream.receive_end import EventStream
from trioflow.abc import Store, StoredRun
from trioflow.context import MISSING
from trioflow.errors import JournalFormatError
from trioflow.events import Event
from trioflow.record import RunRecord
from trioflow.run import BUFFER_SIZE

HEADERS = ("ID", "WORKFLOW", "STATUS", "CREATED", "UPDATED", "RESOURCE", "TAGS", "RUNS IN", "INPUT")
EMPTY = ("RESOURCE", "TAGS", "RUNS IN")
"""Columns that are omitted if all of their cells are empty."""
INPUT = 40
"""Maximum number of characters of an input in the list."""


async def print_runs(
    store_url: str | None, filters: Filters, limit: int, offset: int, as_lines: bool
) -> None:
    """List the runs in a store, newest first, as a table or as JSON lines.

    Raises:
      UsageError: if there is no such store, or an option is invalid.
    """
    kept = need_store(store_url)
    if limit < 0 or offset < 0:
        raise UsageError("--limit and --offset must not be negative")
    chosen = asked(filter_of(**filters.chosen(time.time())))
    with exclusive_stdout() if as_lines else nullcontext() as output:
        async with open_reading(kept) as store:
            found = await store.list_runs(**chosen, limit=limit or None, offset=offset)
            is_full = len(found) == limit > 0
            total = await store.count_runs(**chosen) if is_full else offset + len(found)
        if output is not None:
            for stored in found:
                await output.write(safe_json(_describe(stored)) + "\n")
        else:
            print_lines(*_table(found), "no matching runs")
    _report_more(offset + len(found), total)


def _report_more(shown: int, total: int) -> None:
    if shown < total:
        say(f"{total - shown:,} more; to see them: --offset {shown}, or --limit 0 for all")


def _table(found: Sequence[StoredRun]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    rows = [_row(stored) for stored in found]
    shown = [
        index
        for index, header in enumerate(HEADERS)
        if header not in EMPTY or any(row[index] for row in rows)
    ]
    return [HEADERS[index] for index in shown], [[row[index] for index in shown] for row in rows]


async def print_run(run_id: str, store_url: str | None, as_object: bool) -> None:
    """Print a run as a tree or as one JSON object.

    Raises:
      UsageError: if there is no such run.
      JournalFormatError: if its journal is damaged, after printing the events before the damage.
    """
    kept = need_store(store_url)
    with exclusive_stdout() if as_object else nullcontext() as output:
        async with open_reading(kept) as store:
            stored = await find_run(store, run_id)
            order = ArmOrder.read(stored.header.fingerprint)
            view = StoredView(order, is_interrupted(stored))
            damage = await _apply_recorded(store, run_id, view)
        if output is not None:
            whole = {**_describe(stored), **as_json(view)}
            await output.write(safe_json(whole, indent=2) + "\n")
        else:
            print(clean(f"run {run_id}{_situation(stored)}"))
            print_tree(view, time.time())
            _print_names(stored)
    if damage is not None:
        raise damage


def _print_names(stored: StoredRun) -> None:
    """Print the resource and the tags of a run, if it has any."""
    header = stored.header
    if header.resource_id is not None:
        print(f"resource: {one_line(header.resource_id)}")
    if header.tags:
        print(f"tags: {one_line(', '.join(header.tags))}")


async def _apply_recorded(store: Store, run_id: str, view: StoredView) -> JournalFormatError | None:
    """Apply the recorded events of a run; return the error if its journal is damaged."""
    try:
        async for event in JournalReader(store, run_id).events():
            view.apply(event)
    except JournalFormatError as exc:
        return exc
    return None


async def print_events(
    run_id: str, after: int | None, follow: bool, as_lines: bool, store_url: str | None
) -> int:
    """Print the events of a run, and with *follow* also new ones; return the exit code.

    Raises:
      UsageError: if there is no such run.
      JournalFormatError: if its journal is damaged, after printing the events before the damage.
    """
    kept = need_store(store_url)
    with exclusive_stdout() if as_lines else nullcontext() as output:
        async with open_reading(kept) as store:
            await find_run(store, run_id)
            display: Display = JsonDisplay(output) if output else _plain()
            if not follow:
                found = JournalReader(store, run_id).events(-1 if after is None else after)
                return await _print_all(_folded(found) if after is None else found, display)
            reader = await open_stored(Journals(store), run_id, after, BUFFER_SIZE, "suspended")
            stream: EventStream = EventStream._create(reader)
            with stream:
                return await _print_all(stream, display)


async def _folded(found: AsyncIterable[Event]) -> AsyncIterator[Event]:
    """Yield all events of a run, and check their order at the end.

    Raises:
      JournalFormatError: if an event is missing or out of order.
    """
    state, damage = RunRecord(), None
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
    return (
        header.run_id,
        header.workflow_id,
        stored.status,
        local_time(header.created_at),
        local_time(stored.updated_at),
        header.resource_id or "",
        ", ".join(header.tags),
        driven_by(stored),
        one_line(header.input or "", INPUT),
    )


def _situation(stored: StoredRun) -> str:
    if is_interrupted(stored):
        return ", interrupted: it can be resumed"
    if is_enqueued(stored):
        return f", waits for a worker of queue {stored.header.queue}"
    owner = driven_by(stored)
    return owner and f", running in {owner}"


def _describe(stored: StoredRun) -> dict[str, Any]:
    header = stored.header
    described: dict[str, Any] = {
        "runId": header.run_id,
        "workflowId": header.workflow_id,
        "resourceId": header.resource_id,
        "tags": list(header.tags),
        "status": stored.status,
        "createdAt": header.created_at,
        "updatedAt": stored.updated_at,
        "dueAt": stored.due_at,
        "lastSeq": stored.last_seq,
        "owner": stored.owner,
        "heldFor": stored.held_for,
        "queue": header.queue,
        "priority": header.priority,
    }
    if (value := input_of(header)) is not MISSING:
        described["input"] = value
    return described
