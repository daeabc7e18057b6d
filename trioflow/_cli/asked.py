"""The commands that send requests to runs in any process, and those that delete runs.

Each imports its implementation when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from trioflow._cli.arguments import JsonText, OptionalRunId, RunId
from trioflow._cli.filters import ALL, Filters, Flag, RunStatus


async def send(
    run: RunId, name: str, data: JsonText = None, /, *, store: str | None = None
) -> None:
    """Send a named event to a run in any process.

    The event is on disk when the command returns.

    Parameters
    ----------
    run
        Id of the run.
    name
        Name of the event; it is queued until a step waits for it.
    data
        Data of the event: JSON, @FILE with JSON, or - for JSON on standard input.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.continuing import send_event

    await send_event(run, name, data, store)


async def cancel(
    run: OptionalRunId = None,
    /,
    *,
    filters: Filters = ALL,
    yes: Annotated[bool, Flag] = False,
    reason: str | None = None,
    store: str | None = None,
) -> int:
    """Cancel one run in any process, or many runs.

    With filter options, cancel all unfinished runs that match. Without --yes, only their number
    is printed.

    Parameters
    ----------
    run
        Id of the run.
    yes
        Cancel the matching runs instead of counting them.
    reason
        The reason to record.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.upkeep import cancel as cancel_them

    return await cancel_them(run, filters, yes, reason, store)


async def delete(
    run: OptionalRunId = None,
    /,
    *,
    filters: Filters = ALL,
    yes: Annotated[bool, Flag] = False,
    store: str | None = None,
) -> int:
    """Delete one run that is not running, or many runs.

    With filter options, delete all matching runs that are not running. Without --yes, only the
    number of matching runs is printed.

    Parameters
    ----------
    run
        Id of the run.
    yes
        Delete the matching runs instead of counting them.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.upkeep import delete as delete_them

    return await delete_them(run, filters, yes, store)


async def prune(
    *,
    before: str,
    status: Annotated[list[RunStatus] | None, Flag] = None,
    store: str | None = None,
) -> None:
    """Delete runs that were last updated before a given time.

    Only finished runs are deleted unless --status is given. The store releases the disk space.

    Parameters
    ----------
    before
        An age such as 12h or 30d, or a date or time such as 2026-01-31.
    status
        Only runs with this status, which may be unfinished but not running. May be repeated.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.upkeep import prune as prune_them

    await prune_them(before, status, store)


ASKING_COMMANDS: tuple[Callable[..., object], ...] = (send, cancel, delete, prune)
