"""Lists of runs: those in the store, and those that only this process knows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, get_args

import attrs
import trio

from trioflow._engine.journal.durable_runs import journal_of
from trioflow._engine.journal.stored_runs import StoredRuns
from trioflow._engine.life.life import Life
from trioflow._engine.life.registry import RunRegistry
from trioflow._phases import Phase
from trioflow.abc import RunFilter, RunHeader, StoredRun, parse_cursor
from trioflow.context import MISSING
from trioflow.errors import UnknownRunError
from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow.run_info import Moment, RunFilters, RunInfo, seconds_of


def filter_of(
    *,
    status: RunStatus | Collection[RunStatus] | None = None,
    workflow: str | None = None,
    resource_id: str | None = None,
    tags: Collection[str] = (),
    since: Moment | None = None,
    before: Moment | None = None,
) -> RunFilter:
    """Return the filter for runs, in the form that stores take. See `RunFilters`.

    Raises:
      ValueError: if a status, the tags or a time is not valid.
    """
    if isinstance(tags, str):
        raise ValueError(f"tags={tags!r} is one string; use a collection, such as [{tags!r}]")
    now = time.time()
    return RunFilter(
        status=None if status is None else statuses(status),
        workflow_id=workflow,
        resource_id=resource_id,
        tags=tuple(tags),
        since=None if since is None else seconds_of(since, now),
        before=None if before is None else seconds_of(before, now),
    )


def chosen_by(filters: RunFilters) -> RunFilter:
    """Return the filter of an action that cannot be undone.

    Raises:
      ValueError: if it matches all runs, or a filter is not valid.
    """
    chosen = filter_of(**filters)
    if chosen == RunFilter():
        raise ValueError(
            "this matches all runs; add a filter, such as before=timedelta(0) for all runs "
            "created before now"
        )
    return chosen


def unfinished(chosen: RunFilter) -> RunFilter:
    """Return the filter for the matching runs that have not finished."""
    return _only(chosen, lambda status: status not in FINISHED_STATUSES)


def unsuccessful(chosen: RunFilter) -> RunFilter:
    """Return the filter for the matching runs that failed or were canceled."""
    return _only(chosen, lambda status: status in ("failed", "canceled"))


def _only(chosen: RunFilter, wanted: Callable[[str], bool]) -> RunFilter:
    given = get_args(RunStatus) if chosen.status is None else chosen.status
    return attrs.evolve(chosen, status=[*filter(wanted, given)])


def statuses(given: RunStatus | Collection[RunStatus]) -> Collection[RunStatus]:
    """Return one or more statuses as a collection.

    Raises:
      ValueError: if one of them is not a status.
    """
    found: Collection[RunStatus] = [given] if isinstance(given, str) else list(given)
    for status in found:
        if status not in get_args(RunStatus):
            known = ", ".join(get_args(RunStatus))
            raise ValueError(f"{status!r} is not a status of a run; use one of {known}")
    return found


@attrs.frozen
class RunList:
    """The runs of one engine: in its store, if it has one, and in memory."""

    registry: RunRegistry
    stored: StoredRuns | None

    async def page(
        self, chosen: RunFilter, limit: int | None, offset: int, cursor: str | None
    ) -> Sequence[RunInfo]:
        """Return the runs that match, newest first.

        Raises:
          ValueError: if *cursor* is not a cursor.
        """
        unsaved = self._unsaved(chosen, cursor)
        end = None if limit is None else offset + limit
        if self.stored is None:
            await trio.lowlevel.checkpoint()
            return tuple(unsaved[offset:end])
        list_runs, given = self.stored.durable.store.list_runs, asked(chosen)
        if not unsaved:
            found = await list_runs(**given, limit=limit, offset=offset, cursor=cursor)
            return tuple(map(info_of, found))
        found = await list_runs(**given, limit=end, cursor=cursor)
        both = {run.run_id: run for run in (*unsaved, *map(info_of, found))}
        return tuple(sorted(both.values(), key=_age, reverse=True)[offset:end])

    async def one(self, run_id: str) -> RunInfo:
        """Return the entry of one run.

        Raises:
          UnknownRunError: if there is no such run.
        """
        life = self.registry.find(run_id)
        if life is not None and is_unsaved(life):
            await trio.lowlevel.checkpoint()
            return self._info(life, _header(life))
        stored = None if self.stored is None else await self.stored.durable.store.get(run_id)
        if stored is None:
            await trio.lowlevel.checkpoint()
            raise UnknownRunError(run_id)
        return info_of(stored)

    async def count(self, chosen: RunFilter) -> int:
        """Return how many runs match."""
        unsaved = len(self._unsaved(chosen, None))
        if self.stored is None:
            await trio.lowlevel.checkpoint()
            return unsaved
        return unsaved + await self.stored.durable.store.count_runs(**asked(chosen))

    def _unsaved(self, chosen: RunFilter, cursor: str | None) -> list[RunInfo]:
        """Return the runs that no store has yet, newest first."""
        edge = None if cursor is None else parse_cursor(cursor)
        infos = []
        for life in filter(is_unsaved, self.registry.known()):
            header = _header(life)
            if chosen.matches(header, life.record.status):
                infos.append(self._info(life, header))
        infos.sort(key=_age, reverse=True)
        return [info for info in infos if edge is None or _age(info) < edge]

    def _info(self, life: Life, header: RunHeader) -> RunInfo:
        owner = None if self.stored is None else self.stored.durable.owner
        return RunInfo(
            run_id=header.run_id,
            workflow_id=header.workflow_id,
            status=life.record.status,
            resource_id=header.resource_id,
            tags=header.tags,
            created_at=header.created_at,
            updated_at=life.core.log.at or header.created_at,
            input=MISSING if life.phase is Phase.PENDING else life.input,
            owner=owner if life.is_driven_here else None,
        )


def is_unsaved(life: Life) -> bool:
    """Return whether a run is known here but not to a store."""
    if life.is_lost:
        return False
    return life.keeper is None or not journal_of(life).is_begun


def info_of(stored: StoredRun) -> RunInfo:
    """Return the list entry of a stored run."""
    header = stored.header
    return RunInfo(
        run_id=header.run_id,
        workflow_id=header.workflow_id,
        status=stored.status,
        resource_id=header.resource_id,
        tags=header.tags,
        created_at=header.created_at,
        updated_at=stored.updated_at,
        input=input_of(header),
        due_at=stored.due_at,
        owner=stored.owner,
        held_for=stored.held_for,
    )


def input_of(header: RunHeader) -> Any:
    """Return the input of a run as plain JSON types; `MISSING` if a list does not show it."""
    try:
        return MISSING if header.input is None else json.loads(header.input)
    except ValueError:  # one damaged run must not hide the others
        return MISSING


def _header(life: Life) -> RunHeader:
    if life.keeper is not None:
        return journal_of(life).header
    return RunHeader(
        run_id=life.run_id,
        workflow_id=life.plan.id,
        resource_id=life.resource_id,
        created_at=life.created_at,
        format=0,
        fingerprint="",
        tags=life.tags,
    )


def asked(chosen: RunFilter) -> dict[str, Any]:
    """Return a filter as the keywords of `Store.list_runs`."""
    return attrs.asdict(chosen, recurse=False)


def _age(run: RunInfo) -> tuple[float, str]:
    return run.created_at, run.run_id
