"""The commands about stored runs. Each imports its implementation when it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from trioflow._cli.arguments import JsonText, OptionalRunId, RunId
from trioflow._cli.filters import ALL, Filters, Flag


async def runs(
    *,
    store: str | None = None,
    filters: Filters = ALL,
    limit: int = 50,
    offset: Annotated[int, Flag] = 0,
    workers: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> None:
    """List the runs in a store, newest first.

    Parameters
    ----------
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    limit
        Maximum number of runs to list; 0 for all.
    offset
        Number of newest runs to skip.
    workers
        List the processes that drive runs instead: how many runs each has taken, how many of them
        it has lost because it died or was stopped for too long, and its oldest claim; and the
        queues, with the number of runs that wait for a worker.
    json
        Print one run per line as JSON.
    """
    if workers:
        from trioflow._cli.workers import print_workers

        await print_workers(store, filters, json)
        return
    from trioflow._cli.history import print_runs

    await print_runs(store, filters, limit, offset, json)


async def show(
    run: RunId, /, *, store: str | None = None, json: Annotated[bool, Flag] = False
) -> None:
    """Print a run as a tree: outputs, errors, times, and what it waits for.

    Parameters
    ----------
    run
        Id of the run.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    json
        Print the run as one JSON object.
    """
    from trioflow._cli.history import print_run

    await print_run(run, store, json)


async def events(
    run: RunId,
    /,
    *,
    after: int | None = None,
    follow: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    store: str | None = None,
) -> int:
    """Print the recorded events of a run in any process.

    Parameters
    ----------
    run
        Id of the run.
    after
        Print only events after the one with this sequence number.
    follow
        Also print new events, until the run finishes or suspends.
    json
        Print one event per line as JSON.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.history import print_events

    return await print_events(run, after, follow, json, store)


async def resume(
    run: RunId,
    /,
    *,
    step: str | None = None,
    label: str | None = None,
    index: int | None = None,
    data: JsonText = None,
    json: Annotated[bool, Flag] = False,
    store: str | None = None,
    workflow: str | None = None,
    limit: Annotated[list[str] | None, Flag] = None,
) -> int:
    """Resume a suspended run, or recover an interrupted one.

    The exit codes are those of run. If another process drives the run, or its workflow is not
    installed here, the answer is put into the inbox of the run.

    Parameters
    ----------
    run
        Id of the run.
    step
        Step to answer, as OUTER.INNER; not needed if only one step is suspended.
    label
        Label of the question or suspension.
    index
        Index of a foreach item, counted from 0; default: all suspended items.
    data
        The answer: JSON, @FILE with JSON, or - for JSON on standard input.
    json
        Print one event per line as JSON, and nothing else, on standard output.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    workflow
        MODULE:ATTR of the workflow, if it is not installed.
    limit
        Maximum number of steps with this limit at once: NAME=NUMBER. May be repeated.
    """
    from trioflow._cli.continuing import Answer, resume_run

    return await resume_run(
        run, Answer(step, label, index, data), json, store, workflow, limit or ()
    )


async def fork(
    run: RunId,
    step: str,
    /,
    *,
    input: JsonText = None,
    context: JsonText = None,
    data: JsonText = None,
    run_id: str | None = None,
    json: Annotated[bool, Flag] = False,
    store: str | None = None,
    workflow: str | None = None,
    limit: Annotated[list[str] | None, Flag] = None,
) -> int:
    """Fork a run at a step: a new run that reuses everything recorded before it.

    Parameters
    ----------
    run
        Id of the run; it is not changed.
    step
        Step to fork at, as OUTER.INNER.
    input
        Another input for that step: JSON, @FILE with JSON, or - for standard input.
    context
        Other outputs of earlier steps: a JSON object by step id, or @FILE with one.
    data
        An answer for that step: JSON, @FILE with JSON, or - for standard input.
    run_id
        Id of the new run; default: a random id.
    json
        Print one event per line as JSON, and nothing else, on standard output.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    workflow
        MODULE:ATTR of the workflow, if it is not installed.
    limit
        Maximum number of steps with this limit at once: NAME=NUMBER. May be repeated.
    """
    from trioflow._cli.continuing import Fork, fork_run

    given = Fork(input, context, data, run_id)
    return await fork_run(run, step, given, json, store, workflow, limit or ())


async def retry(
    run: OptionalRunId = None,
    /,
    *,
    filters: Filters = ALL,
    yes: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    store: str | None = None,
    limit: Annotated[list[str] | None, Flag] = None,
) -> int:
    """Repeat what failed or was canceled in one run or in many, and reuse what succeeded.

    This starts a new run with the id RUN~retry. A second retry of a run attaches to the first;
    if that has failed, retry RUN~retry. With filter options, retry all matching runs that failed
    or were canceled. Without --yes, only their number is printed.

    Parameters
    ----------
    run
        Id of the run; it is not changed. With an id, --workflow is MODULE:ATTR of the workflow,
        if it is not installed.
    yes
        Retry the matching runs instead of counting them.
    json
        Print one event per line as JSON, and nothing else, on standard output.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    limit
        Maximum number of steps with this limit at once: NAME=NUMBER. May be repeated.
    """
    if run is None:
        from trioflow._cli.retrying import retry_runs

        return await retry_runs(filters, yes, store, limit or ())
    from trioflow._cli.continuing import retry_run
    from trioflow._cli.upkeep import check_alone

    check_alone(replace(filters, workflow=None), yes)
    return await retry_run(run, json, store, filters.workflow, limit or ())


async def recover(
    *,
    store: str | None = None,
    workflow: Annotated[list[str] | None, Flag] = None,
    limit: Annotated[list[str] | None, Flag] = None,
    wait: Annotated[bool, Flag] = False,
) -> int:
    """Recover all interrupted runs that are not claimed by another process.

    Parameters
    ----------
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    workflow
        MODULE:ATTR of a workflow that is not installed. May be repeated.
    limit
        Maximum number of steps with this limit at once: NAME=NUMBER. May be repeated.
    wait
        Also wait for the runs of other processes, and recover them if these processes die.
    """
    from trioflow._cli.continuing import recover_runs

    return await recover_runs(store, workflow or (), limit or (), wait)


STORED_COMMANDS: tuple[Callable[..., object], ...] = (
    runs,
    show,
    events,
    resume,
    fork,
    retry,
    recover,
)
