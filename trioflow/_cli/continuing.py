"""Continues stored runs: resumes, recovers, forks and retries them, and sends them events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import attrs

from trioflow._cli.display import say
from trioflow._cli.endings import Endings, until_ended
from trioflow._cli.errors import EXIT_CODES, SUCCESS, UsageError
from trioflow._cli.hints import how_to_answer, in_inbox
from trioflow._cli.inputs import read_value
from trioflow._cli.output import exclusive_stdout
from trioflow._cli.owners import asker
from trioflow._cli.recovery import Recovery
from trioflow._cli.stores import (
    check_workflow,
    find_run,
    need_store,
    open_asking,
    open_stored,
)
from trioflow._cli.text import clean
from trioflow._cli.watch import OpenStream, choose_display, watch
from trioflow._engine.history.answers import check_answers
from trioflow._engine.history.suspensions import select, suspensions
from trioflow._engine.journal.reading import JournalReader
from trioflow._engine.life.recovering import open_recovery
from trioflow.abc import Store, StoredRun
from trioflow.context import MISSING
from trioflow.engine import Engine
from trioflow.errors import RunClaimedError
from trioflow.events import ACTIVE_STATUSES, RunStatus
from trioflow.record import RunRecord
from trioflow.run import BUFFER_SIZE, Run, RunStream


@attrs.frozen
class Answer:
    """The options that answer a suspended step."""

    step: str | None = None
    label: str | None = None
    index: int | None = None
    data: str | None = None
    """JSON, ``@FILE`` or ``-``."""

    @property
    def is_given(self) -> bool:
        """Whether any of the options is given."""
        return self != Answer()

    def value(self) -> Any:
        """Return the parsed answer, or MISSING if there is none.

        Raises:
          UsageError: if it is not JSON.
        """
        return MISSING if self.data is None else read_value(self.data, "--data")


@attrs.frozen
class Fork:
    """The options that fork a run; values are JSON, ``@FILE`` or ``-``."""

    input: str | None = None
    context: str | None = None
    data: str | None = None
    run_id: str | None = None

    def values(self) -> dict[str, Any]:
        """Return the arguments of `Run.fork`.

        Raises:
          UsageError: if an option is invalid.
        """
        outputs = {} if self.context is None else read_value(self.context, "--context")
        if not isinstance(outputs, dict):
            raise UsageError("--context needs a JSON object that maps step ids to outputs")
        return {
            "input_data": MISSING if self.input is None else read_value(self.input, "--input"),
            "resume_data": MISSING if self.data is None else read_value(self.data, "--data"),
            "context": outputs,
            "run_id": self.run_id,
        }


async def resume_run(
    run_id: str,
    answer: Answer,
    as_json: bool,
    store_url: str | None,
    workflow: str | None,
    limits: Sequence[str],
) -> int:
    """Resume or recover a run and show its next part; return the exit code.

    Raises:
      TrioflowError: if there is no such run, or it cannot be continued like this.
    """
    kept = need_store(store_url, workflow, limits)
    with exclusive_stdout() if as_json else nullcontext() as output:
        async with open_stored(kept, _targets(workflow)) as (engine, store):
            stored = await find_run(store, run_id)
            if workflow is None and stored.header.workflow_id not in engine.workflows:
                return await _leave_answer(engine, store, stored, answer)
            check_workflow(engine, stored)
            run = await engine.load_run(run_id)
            if not answer.is_given and _asks(run.record):
                how_to_answer(kept, run.record)
                return EXIT_CODES["suspended"]
            open_stream = _opening(run, answer)
            display = choose_display(output, engine.converter, run)
            try:
                return await watch(open_stream, display, kept)
            except RunClaimedError:
                if not answer.is_given:  # there is nothing to leave in its inbox
                    raise
                stored = await find_run(store, run_id)
                return await _leave_answer(engine, store, stored, answer)


def _asks(record: RunRecord) -> bool:
    """Return whether a run is suspended at a question."""
    is_suspended = record.status == "suspended"
    return is_suspended and any(each.question is not None for each in suspensions(record))


async def _leave_answer(engine: Engine, store: Store, stored: StoredRun, answer: Answer) -> int:
    """Put an answer into the inbox of a run that is not continued in this process.

    It answers a step that is suspended now, never one that suspends before it is delivered.
    """
    run_id = stored.header.run_id
    if not answer.is_given:
        check_workflow(engine, stored)
    data = answer.value()
    _check_waits(run_id, stored.status)
    state = RunRecord()
    async for event in JournalReader(store, run_id).events():
        state.apply(event)
    found = select(state, answer.step, answer.label, answer.index)
    check_answers(found, None if data is MISSING else data, {}, None)
    index = found[0].index if len(found) == 1 else answer.index
    path, label = found[0].path, found[0].label
    await engine.resume_run(run_id, data, step=path, label=label, index=index, by=asker())
    in_inbox(stored, "the answer")
    return SUCCESS


def _check_waits(run_id: str, status: RunStatus) -> None:
    if status in ACTIVE_STATUSES:
        raise UsageError(
            f"run {run_id} is not suspended: it is running in another process, or was "
            "interrupted; resume it without --step, --label, --index and --data"
        )


def _opening(run: Run[Any, Any], answer: Answer) -> OpenStream:
    if run.status in ACTIVE_STATUSES:
        if answer.is_given:
            _check_waits(run.run_id, run.status)
        return partial(_recovering, run)
    place: dict[str, Any] = {"step": answer.step, "label": answer.label, "index": answer.index}
    return partial(run.resume_stream, answer.value(), **place)


@asynccontextmanager
async def _recovering(run: Run[Any, Any]) -> AsyncGenerator[RunStream[Any], None]:
    """Recover a run, and stream its events from there."""
    reader = run._new_reader(BUFFER_SIZE)
    last = await open_recovery(run._life)
    async with run._reading(reader, lambda: last) as stream:
        yield stream


async def fork_run(
    run_id: str,
    step: str,
    given: Fork,
    as_json: bool,
    store_url: str | None,
    workflow: str | None,
    limits: Sequence[str],
) -> int:
    """Fork a run at a step, and show the new run; return the exit code.

    Raises:
      TrioflowError: if there is no such run or step, or the run has neither finished nor suspended.
    """

    async def fork(run: Run[Any, Any]) -> Run[Any, Any]:
        return await run.fork(step, by=asker(), **given.values())

    return await _start_another(run_id, fork, as_json, store_url, workflow, limits)


async def retry_run(
    run_id: str,
    as_json: bool,
    store_url: str | None,
    workflow: str | None,
    limits: Sequence[str],
) -> int:
    """Repeat what failed in a run, and show the new run; return the exit code.

    Raises:
      TrioflowError: if there is no such run, or it has neither failed nor been canceled.
    """

    async def retry(run: Run[Any, Any]) -> Run[Any, Any]:
        return await run.retry(by=asker())

    return await _start_another(run_id, retry, as_json, store_url, workflow, limits)


async def _start_another(
    run_id: str,
    make: Callable[[Run[Any, Any]], Awaitable[Run[Any, Any]]],
    as_json: bool,
    store_url: str | None,
    workflow: str | None,
    limits: Sequence[str],
) -> int:
    kept = need_store(store_url, workflow, limits)
    with exclusive_stdout() if as_json else nullcontext() as output:
        async with open_stored(kept, _targets(workflow)) as (engine, store):
            check_workflow(engine, await find_run(store, run_id))
            run = await make(await engine.load_run(run_id))
            # It may be the retry of an earlier call.
            words = "new run" if await store.get(run.run_id) is None else "already started: run"
            say(f"{words} {clean(run.run_id)}")
            return await watch(run.stream, choose_display(output, engine.converter, run), kept)


async def send_event(run_id: str, name: str, data: str | None, store_url: str | None) -> None:
    """Send a named event to a run in any process.

    Raises:
      UsageError: if there is no such run.
      RunFinishedError, InboxFullError, RequestTooLargeError: if the run cannot take it.
    """
    kept = need_store(store_url)
    value = None if data is None else read_value(data, "DATA")
    async with open_asking(kept) as (engine, store):
        await find_run(store, run_id)
        await engine.send_event(run_id, name, value, by=asker())
        in_inbox(await find_run(store, run_id), f"event {clean(repr(name))}")


async def recover_runs(
    store_url: str | None, targets: Sequence[str], limits: Sequence[str], wait: bool
) -> int:
    """Recover all interrupted runs, report how each one ends, and return the exit code.

    A signal halts the runs; they can be recovered again.

    Args:
      wait: Whether to also wait for the runs of other processes, and to recover them if these
        processes die.
    """
    async with open_stored(need_store(store_url, None, limits), targets) as (engine, store):
        endings = Endings(engine)
        return await until_ended(endings, partial(Recovery(endings, store).run, wait))


def _targets(workflow: str | None) -> Sequence[str]:
    return () if workflow is None else (workflow,)
