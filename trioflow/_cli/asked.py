"""The commands that ask something of runs, wherever they run, and those that remove runs.

What they do is imported when they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from trioflow._cli.filters import ALL, Filters, Flag, RunStatus
from trioflow._cli.stored import JSON_TEXT


async def send(run: str, name: str, data: JSON_TEXT = None, /, *, store: str | None = None) -> None:
    """Send a named event to a run, whatever process drives it.

    The event is on disk when the command ends.

    Parameters
    ----------
    run
        Id of the run.
    name
        Name that a step waits for, now or later.
    data
        What the step gets: JSON, @FILE with JSON, or - for JSON on standard input.
    store
        Where the run is kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    """
    from trioflow._cli.going_on import send_event

    await send_event(run, name, data, store)


async def cancel(
    run: str | None = None,
    /,
    *,
    filters: Filters = ALL,
    yes: Annotated[bool, Flag] = False,
    reason: str | None = None,
    store: str | None = None,
) -> int:
    """Cancel a run, whatever process drives it, or many.

    With options that choose runs, all those that are unfinished are canceled. Only how many
    there are is printed unless --yes is given.

    Parameters
    ----------
    run
        Id of the run.
    yes
        Cancel them.
    reason
        Why; it is recorded.
    store
        Where the runs are kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    """
    from trioflow._cli.upkeep import cancel as cancel_them

    return await cancel_them(run, filters, yes, reason, store)


async def delete(
    run: str | None = None,
    /,
    *,
    filters: Filters = ALL,
    yes: Annotated[bool, Flag] = False,
    store: str | None = None,
) -> int:
    """Delete a run that is not running, or many.

    With options that choose runs, all those are deleted that are not running. Only how many
    there are is printed unless --yes is given.

    Parameters
    ----------
    run
        Id of the run.
    yes
        Delete them.
    store
        Where the runs are kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    """
    from trioflow._cli.upkeep import delete as delete_them

    return await delete_them(run, filters, yes, store)


async def prune(
    *,
    before: str,
    status: Annotated[list[RunStatus] | None, Flag] = None,
    store: str | None = None,
) -> None:
    """Delete runs that were last updated before a time.

    Finished ones, unless --status says otherwise. The store gives the space back.

    Parameters
    ----------
    before
        How long ago, such as 12h or 30d, or a date or time such as 2026-01-31.
    status
        Only runs with this status, also unfinished ones that are not running. May be repeated.
    store
        Where the runs are kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    """
    from trioflow._cli.upkeep import prune as prune_them

    await prune_them(before, status, store)


ASKING_COMMANDS: tuple[Callable[..., object], ...] = (send, cancel, delete, prune)
