"""The commands about schedules. Each imports its implementation when it is called."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from trioflow._cli.filters import Flag

SCHEDULES = App(
    name="schedules",
    help="List schedules; show, pause, resume, trigger, backfill and delete them.",
    help_format="plaintext",
)
Overlap = Literal["skip", "queue", "cancel", "allow"]


@SCHEDULES.default
async def list_schedules(*, store: str | None = None, json: Annotated[bool, Flag] = False) -> None:
    """List the schedules in a store: rule, next tick, and what became of the last one.

    Parameters
    ----------
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    json
        Print one schedule per line as JSON.
    """
    from trioflow._cli.timetable import print_schedules

    await print_schedules(store, json)


@SCHEDULES.command
async def show(
    schedule: str, /, *, next: Annotated[int, Flag] = 10, store: str | None = None
) -> None:
    """Print a schedule and its next ticks, with the changes of the clock.

    Parameters
    ----------
    schedule
        Id of the schedule.
    next
        Number of next ticks to print.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.timetable import print_schedule

    await print_schedule(schedule, next, store)


@SCHEDULES.command
async def ticks(
    schedule: str,
    /,
    *,
    limit: Annotated[int, Flag] = 50,
    store: str | None = None,
    json: Annotated[bool, Flag] = False,
) -> None:
    """List what became of the ticks of a schedule, the newest first.

    Parameters
    ----------
    schedule
        Id of the schedule.
    limit
        Maximum number of ticks; 0 for all.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    json
        Print one tick per line as JSON.
    """
    from trioflow._cli.timetable import print_ticks

    await print_ticks(schedule, limit, store, json)


@SCHEDULES.command
async def pause(schedule: str, /, *, reason: str | None = None, store: str | None = None) -> None:
    """Pause a schedule: nothing starts until it is resumed.

    Parameters
    ----------
    schedule
        Id of the schedule.
    reason
        The reason to record.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.timetabling import pause as pause_it

    await pause_it(schedule, reason, store)


@SCHEDULES.command
async def resume(schedule: str, /, *, store: str | None = None) -> None:
    """Resume a paused schedule. The ticks of the pause are not started.

    Parameters
    ----------
    schedule
        Id of the schedule.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.timetabling import resume as resume_it

    await resume_it(schedule, store)


@SCHEDULES.command
async def trigger(
    schedule: str,
    /,
    *,
    at: str | None = None,
    overlap: Overlap | None = None,
    store: str | None = None,
) -> None:
    """Start a run of a schedule now, in an engine that keeps its schedules.

    Parameters
    ----------
    schedule
        Id of the schedule.
    at
        The time that the run is named after: an age such as 1h, or a date or time; default: now.
    overlap
        What happens if an earlier run is unfinished; default: what the schedule says.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.timetabling import trigger as trigger_it

    await trigger_it(schedule, at, overlap, store)


@SCHEDULES.command
async def backfill(
    schedule: str,
    /,
    *,
    since: Annotated[str, Parameter(name="--from")],
    until: Annotated[str | None, Parameter(name="--to")] = None,
    overlap: Overlap | None = None,
    dry_run: Annotated[bool, Flag] = False,
    store: str | None = None,
) -> None:
    """Start runs for past ticks that have none, in an engine that keeps its schedules.

    Parameters
    ----------
    schedule
        Id of the schedule.
    since
        The first possible tick: an age such as 2d, or a date or time such as 2026-01-31T12:00.
    until
        The last possible tick; default: now.
    overlap
        What happens if an earlier run is unfinished; default: what the schedule says.
    dry_run
        Print the ticks and start nothing.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.timetabling import backfill as backfill_it

    await backfill_it(schedule, since, until, overlap, dry_run, store)


@SCHEDULES.command
async def delete(schedule: str, /, *, store: str | None = None) -> None:
    """Delete a schedule and the records of its ticks. Its runs are kept.

    Parameters
    ----------
    schedule
        Id of the schedule.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.timetabling import delete as delete_it

    await delete_it(schedule, store)


@SCHEDULES.command
def explain(
    expression: str,
    /,
    *,
    zone: str = "UTC",
    around: str | None = None,
    next: Annotated[int, Flag] = 10,
) -> None:
    """Print the times of a cron expression, with the changes of the clock.

    Parameters
    ----------
    expression
        Minute, hour, day of month, month and day of week: "30 2 * * 1-5".
    zone
        Name of the time zone, such as Europe/Berlin.
    around
        Begin two days before this date or time; default: now.
    next
        Number of times to print.
    """
    from trioflow._cli.timetable import print_explanation

    print_explanation(expression, zone, around, next)
