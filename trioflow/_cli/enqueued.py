"""The commands about queues: to put runs into them, and to work on them.

Each imports its implementation when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from trioflow._cli.arguments import JsonText, Target
from trioflow._cli.filters import Flag


async def worker(
    *targets: Target,
    store: str | None = None,
    values: str | None = None,
    capacity: int = 100,
    queue: Annotated[list[str] | None, Flag] = None,
    poll: str = "5",
    drain: str = "30",
    limit: Annotated[list[str] | None, Flag] = None,
    no_chunks: Annotated[bool, Flag] = False,
    no_schedules: Annotated[bool, Flag] = False,
) -> int:
    """Take runs from queues of a store and drive them, until a signal ends it.

    It takes enqueued runs, answered and due ones, and those of workers that have died. Start as
    many workers as needed, on any machine that reaches the store; one of them drives each run.
    SIGTERM, SIGHUP and Ctrl-C stop taking runs, let running steps finish, and leave the runs to
    other workers. A second signal exits at once. Exit codes: 0 after SIGTERM or SIGHUP, 130 after
    Ctrl-C. Hooks that MODULE defines with @trioflow.hookimpl, such as resources and limits, are
    used as those of a plugin are.

    Parameters
    ----------
    targets
        MODULE:ATTR of workflows to take runs of, in addition to all installed ones.
    store
        URL of the store, such as postgresql://host/db; default: $TRIOFLOW_STORE.
    values
        URL of the value store of large values: folder:PATH, or a bucket such as s3://bucket/path;
        default: $TRIOFLOW_VALUES.
    capacity
        Maximum number of runs at once.
    queue
        Queue to take runs from; default: default. May be repeated.
    poll
        Time between two looks: seconds, or a number with s, m, h, d or w. Enqueued runs are
        noticed at once.
    drain
        Time that running steps get to finish after a signal.
    limit
        Maximum number of steps with this limit at once: NAME=NUMBER. May be repeated.
    no_chunks
        Do not write chunks of steps and pieces of tools to the store, where other processes
        can read them.
    no_schedules
        Do not start the runs of schedules.
    """
    from trioflow._cli.working import Options, run_worker

    return await run_worker(
        Options(
            targets=targets,
            store=store,
            values=values,
            capacity=capacity,
            queues=queue or ("default",),
            poll=poll,
            drain=drain,
            limits=limit or (),
            journal_chunks=not no_chunks,
            schedules=not no_schedules,
        )
    )


async def submit(
    target: Target,
    /,
    *,
    input: JsonText = None,
    context: Annotated[list[str] | None, Flag] = None,
    state: JsonText = None,
    timeout: str | None = None,
    run_id: str | None = None,
    resource: str | None = None,
    tag: Annotated[list[str] | None, Flag] = None,
    queue: str = "default",
    priority: int = 0,
    store: str | None = None,
) -> None:
    """Leave a run to the workers of a store, and print its id.

    The run is on disk when the command returns. To watch it: trioflow events RUN --follow.

    Parameters
    ----------
    target
        Id of an installed workflow, or MODULE:ATTR of your own workflow.
    input
        The input: JSON, @FILE with JSON, or - for JSON on standard input.
    context
        An entry of the runtime context: KEY=STRING, a JSON object, or @FILE with one.
        May be repeated.
    state
        The initial state of the workflow: JSON, @FILE with JSON, or - for standard input.
    timeout
        Time limit of the whole run, from now: seconds, or a number with s, m, h, d or w.
    run_id
        Id of the run; default: a random id. A run with this id must not exist yet.
    resource
        The resource (user, tenant, ...) that the run belongs to.
    tag
        Tag to find the run by. May be repeated.
    queue
        The queue to put it into.
    priority
        Workers take runs with a higher priority first.
    store
        URL of the store, such as postgresql://host/db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.working import Submission, submit_run

    await submit_run(
        Submission(
            target=target,
            input=input,
            context=context or (),
            state=state,
            timeout=timeout,
            run_id=run_id,
            resource=resource,
            tags=tag or (),
            queue=queue,
            priority=priority,
            store=store,
        )
    )


ENQUEUING_COMMANDS: tuple[Callable[..., object], ...] = (worker, submit)
