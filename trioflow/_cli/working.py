"""``trioflow worker`` and ``trioflow submit``: takes runs from queues, and puts them there."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trioflow._cli.display import say
from trioflow._cli.errors import INTERRUPTED, SUCCESS, UsageError
from trioflow._cli.inputs import read_context, read_limits, read_value
from trioflow._cli.instruments import own_instruments
from trioflow._cli.owners import asker
from trioflow._cli.signals import REASONS, interruptible
from trioflow._cli.stores import find_values, need_store
from trioflow._cli.targets import import_workflow, is_in_module, known_workflow, plugins_with
from trioflow._cli.text import clean
from trioflow._cli.times import read_duration
from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.journal.jobs import MAX_PRIORITY
from trioflow.abc import ScheduleStore
from trioflow.engine import Engine, open_engine


@attrs.frozen(kw_only=True)
class Options:
    """The options of ``trioflow worker``."""

    targets: Sequence[str]
    store: str | None
    values: str | None
    capacity: int
    queues: Sequence[str]
    poll: str
    drain: str
    limits: Sequence[str]
    journal_chunks: bool
    schedules: bool


@attrs.frozen(kw_only=True)
class Submission:
    """The options of ``trioflow submit``. Values are JSON, ``@FILE`` or ``-``."""

    target: str
    input: str | None
    context: Sequence[str]
    state: str | None
    timeout: str | None
    run_id: str | None
    resource: str | None
    tags: Sequence[str]
    queue: str
    priority: int
    store: str | None


async def run_worker(options: Options) -> int:
    """Take runs until a signal, then drain and release them; return the exit code.

    Raises:
      UsageError: if an option is wrong, or there is no such workflow.
      StoreError: if the store cannot be used.
    """
    poll = read_duration(options.poll, "--poll", above_zero=True)
    drain = read_duration(options.drain, "--drain")
    if options.capacity < 1:
        raise UsageError("--capacity must be greater than 0")
    async with _engine_on(
        options.store,
        options.targets,
        options.limits,
        options.values,
        journal_chunks=options.journal_chunks,
    ) as engine:
        if not engine.workflows:
            raise UsageError("there is no workflow to take runs of; give MODULE:ATTR")
        say(_beginning(engine, options.queues))
        signum = await _work_until_signal(engine, options, poll, drain)
    say("the runs that have not finished are left to other workers")
    # To be stopped is how a worker ends, except for Ctrl-C.
    return INTERRUPTED if signum == signal.SIGINT else SUCCESS


async def _work_until_signal(
    engine: Engine, options: Options, poll: float, drain: float
) -> int | None:
    """Take runs until a signal, then drain all runs of the engine; return the signal."""
    async with open_owned_nursery(lambda: None) as draining:
        with trio.CancelScope() as taking:

            def stop(signum: int) -> None:
                say(f"{REASONS[signum]}: taking no more runs; running steps get {drain:g} s")
                # Also the runs that were not taken: of schedules, or started by other runs.
                draining.start_soon(engine.drain, drain)
                taking.cancel()

            with interruptible(stop, lambda: "") as interruption:
                async with _scheduling(engine, options.schedules):
                    await engine.work(
                        options.capacity, queues=options.queues, poll=poll, drain=drain
                    )
    return interruption.signum


@asynccontextmanager
async def _scheduling(engine: Engine, wanted: bool) -> AsyncGenerator[None, None]:
    """Run the schedules of the store in the block, if it keeps any."""
    tasks = trio.CancelScope()

    async def run() -> None:
        with tasks:
            await engine.run_schedules()

    async with open_owned_nursery(tasks.cancel) as nursery:
        if wanted and isinstance(engine.store, ScheduleStore):
            nursery.start_soon(run)
        yield


def _beginning(engine: Engine, queues: Sequence[str]) -> str:
    ids = ", ".join(sorted(engine.workflows))
    return clean(f"takes runs of {ids} from {', '.join(queues)}; Ctrl-C ends it")


async def submit_run(given: Submission) -> None:
    """Enqueue a run, and print its id.

    Raises:
      UsageError: if an option is wrong, or there is no such workflow.
      DuplicateRunError: if the run exists.
      StoreError: if the run cannot be saved.
    """
    values: dict[str, Any] = {"runtime_context": read_context(given.context)}
    if not -MAX_PRIORITY <= given.priority <= MAX_PRIORITY:
        raise UsageError(f"--priority must be from -{MAX_PRIORITY} to {MAX_PRIORITY}")
    if given.input is not None:
        values["input_data"] = read_value(given.input, "--input")
    if given.state is not None:
        values["initial_state"] = read_value(given.state, "--state")
    if given.timeout is not None:
        values["timeout"] = read_duration(given.timeout, "--timeout", above_zero=True)
    in_module = [given.target] if is_in_module(given.target) else []
    async with _engine_on(given.store, in_module, ()) as engine:
        workflow = import_workflow(given.target) if in_module else None
        run_id = await engine.enqueue(
            workflow or known_workflow(given.target, engine.workflows),
            run_id=given.run_id,
            resource_id=given.resource,
            queue=given.queue,
            priority=given.priority,
            tags=given.tags,
            by=asker(),
            **values,
        )
    print(run_id)


@asynccontextmanager
async def _engine_on(
    store: str | None,
    targets: Sequence[str],
    limits: Sequence[str],
    values: str | None = None,
    **options: Any,
) -> AsyncGenerator[Engine, None]:
    """Open an engine with installed workflows and those of *targets*; create a missing store."""
    kept = need_store(store)
    places = read_limits(limits)
    in_modules = [target for target in targets if is_in_module(target)]
    workflows = [import_workflow(target) for target in in_modules]
    async with open_engine(
        store=kept.store,
        plugins=plugins_with(in_modules),
        workflows=workflows,
        limits=places,
        values=find_values(values),
        instruments=own_instruments(),
        **options,
    ) as engine:
        for target in targets:
            if not is_in_module(target):
                known_workflow(target, engine.workflows)
        yield engine
