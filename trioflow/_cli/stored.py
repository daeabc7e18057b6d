"""The commands about runs that a store keeps. What they do is imported when they are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter

from trioflow._cli.filters import ALL, Filters, Flag

Text = Parameter(allow_leading_hyphen=True)
JSON_TEXT = Annotated[str | None, Text]


async def runs(
    *,
    store: str | None = None,
    filters: Filters = ALL,
    limit: int = 50,
    offset: Annotated[int, Flag] = 0,
    json: Annotated[bool, Flag] = False,
) -> None:
    """List the runs in a store, newest first.

    Parameters
    ----------
    store
        Where the runs are kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    limit
        How many to list; 0 for all.
    offset
        How many to leave out, the newest ones.
    json
        Print one run per line as JSON.
    """
    from trioflow._cli.history import print_runs

    await print_runs(store, filters, limit, offset, json)


async def show(
    run: str, /, *, store: str | None = None, json: Annotated[bool, Flag] = False
) -> None:
    """Print a run as a tree: results, errors, times, and what it waits for.

    Parameters
    ----------
    run
        Id of the run.
    store
        Where it is kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    json
        Print it as JSON.
    """
    from trioflow._cli.history import print_run

    await print_run(run, store, json)


async def events(
    run: str,
    /,
    *,
    after: int | None = None,
    follow: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    store: str | None = None,
) -> int:
    """Print the recorded events of a run, whatever process drives it.

    Parameters
    ----------
    run
        Id of the run.
    after
        Only events after the one with this number.
    follow
        Also print those to come, until the run finishes or suspends.
    json
        Print one event per line as JSON.
    store
        Where the run is kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    """
    from trioflow._cli.history import print_events

    return await print_events(run, after, follow, json, store)


async def resume(
    run: str,
    /,
    *,
    step: str | None = None,
    label: str | None = None,
    index: int | None = None,
    data: JSON_TEXT = None,
    json: Annotated[bool, Flag] = False,
    store: str | None = None,
    workflow: str | None = None,
) -> int:
    """Resume a run that waits for an answer, or that was interrupted.

    Exit codes are those of run. If another process drives the run, or its workflow is not
    installed here, the answer is left in its inbox.

    Parameters
    ----------
    run
        Id of the run.
    step
        Which step is answered, as OUTER.INNER; not needed if only one waits.
    label
        The label that the step waits with.
    index
        Which item of a foreach, counted from 0; all that wait if not given.
    data
        The answer: JSON, @FILE with JSON, or - for JSON on standard input.
    json
        Print one event per line as JSON, and nothing else, on standard output.
    store
        Where the run is kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    workflow
        MODULE:ATTR of its workflow, if that is not an installed one.
    """
    from trioflow._cli.going_on import Answer, resume_run

    return await resume_run(run, Answer(step, label, index, data), json, store, workflow)


async def fork(
    run: str,
    step: str,
    /,
    *,
    input: JSON_TEXT = None,
    context: JSON_TEXT = None,
    data: JSON_TEXT = None,
    run_id: str | None = None,
    json: Annotated[bool, Flag] = False,
    store: str | None = None,
    workflow: str | None = None,
) -> int:
    """Fork a run at a step: a new run that reuses everything recorded before it.

    Parameters
    ----------
    run
        Id of the run; it stays as it is.
    step
        Where to fork, as OUTER.INNER.
    input
        Another input for that step: JSON, @FILE with JSON, or - for standard input.
    context
        Other outputs for steps before it: a JSON object by id, or @FILE with one.
    data
        An answer for that step: JSON, @FILE with JSON, or - for standard input.
    run_id
        Id of the new run; a random one if not given.
    json
        Print one event per line as JSON, and nothing else, on standard output.
    store
        Where the runs are kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    workflow
        MODULE:ATTR of the workflow, if that is not an installed one.
    """
    from trioflow._cli.going_on import Fork, fork_run

    given = Fork(input, context, data, run_id)
    return await fork_run(run, step, given, json, store, workflow)


async def retry(
    run: str | None = None,
    /,
    *,
    filters: Filters = ALL,
    yes: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    store: str | None = None,
) -> int:
    """Repeat what failed or was canceled in a run, or in many, and keep what ended well.

    That is a new run with the id RUN~retry. A second retry of one run attaches to the first;
    if that has failed, retry RUN~retry. With options that choose runs, all those that failed or
    were canceled are retried. Only how many there are is printed unless --yes is given.

    Parameters
    ----------
    run
        Id of the run; it stays as it is. With it, --workflow is MODULE:ATTR of its workflow, if
        that is not an installed one.
    yes
        Retry them.
    json
        Print one event per line as JSON, and nothing else, on standard output.
    store
        Where the runs are kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    """
    if run is None:
        from trioflow._cli.retrying import retry_runs

        return await retry_runs(filters, yes, store)
    from trioflow._cli.going_on import retry_run
    from trioflow._cli.upkeep import check_alone

    check_alone(replace(filters, workflow=None), yes)
    return await retry_run(run, json, store, filters.workflow)


async def recover(
    *,
    store: str | None = None,
    workflow: Annotated[list[str] | None, Flag] = None,
    wait: Annotated[bool, Flag] = False,
) -> int:
    """Recover all interrupted runs that no other process drives.

    Parameters
    ----------
    store
        Where the runs are kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    workflow
        MODULE:ATTR of a workflow that is not an installed one. May be repeated.
    wait
        Wait for the runs that other processes drive, too, and recover them if these die.
    """
    from trioflow._cli.going_on import recover_runs

    return await recover_runs(store, workflow or (), wait)


STORED_COMMANDS: tuple[Callable[..., object], ...] = (
    runs,
    show,
    events,
    resume,
    fork,
    retry,
    recover,
)
