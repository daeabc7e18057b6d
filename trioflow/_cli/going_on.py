"""Continuing runs of a store: with an answer or an event, after an interruption, from a step."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import attrs
import trio

from trioflow._cli.display import say
from trioflow._cli.errors import FAILED, SUCCESS, UsageError
from trioflow._cli.hints import in_inbox
from trioflow._cli.inputs import read_value
from trioflow._cli.output import exclusive_stdout
from trioflow._cli.owners import asker
from trioflow._cli.recovery import Recovery
from trioflow._cli.signals import interruptible
from trioflow._cli.stores import (
    check_workflow,
    find_run,
    need_store,
    open_asking,
    open_stored,
)
from trioflow._cli.text import clean
from trioflow._cli.watch import OpenStream, choose_display, watch
from trioflow._engine.history.suspensions import select
from trioflow._engine.journal.reading import JournalReader
from trioflow.abc import Store, StoredRun
from trioflow.context import MISSING
from trioflow.engine import Engine
from trioflow.errors import RunClaimedError
from trioflow.events import ACTIVE_STATUSES, RunStatus
from trioflow.record import RunRecord
from trioflow.run import Run, RunStream


@attrs.frozen
class Answer:
    """What was typed to answer a step."""

    step: str | None = None
    label: str | None = None
    index: int | None = None
    data: str | None = None
    """JSON, or where it is."""

    @property
    def is_given(self) -> bool:
        """Whether there is anything to it."""
        return self != Answer()

    def value(self) -> Any:
        """Return the answer itself.

        Raises:
          UsageError: if it is not JSON.
        """
        return None if self.data is None else read_value(self.data, "--data")


async def resume_run(
    run_id: str, answer: Answer, as_json: bool, store_url: str | None, workflow: str | None
) -> int:
    """Go on with a run and show its next part; return the exit code.

    Raises:
      TrioflowError: if there is no such run, or it cannot go on like this.
    """
    kept = need_store(store_url, workflow)
    with exclusive_stdout() if as_json else nullcontext() as output:
        async with open_stored(kept, _targets(workflow)) as (engine, store):
            stored = await find_run(store, run_id)
            if workflow is None and stored.header.workflow_id not in engine.workflows:
                return await _leave_answer(engine, store, stored, answer)
            check_workflow(engine, stored)
            run = await engine.load_run(run_id)
            open_stream = _opening(run, answer)
            display = choose_display(output, engine.converter)
            try:
                return await watch(open_stream, display, kept)
            except RunClaimedError:
                if not answer.is_given:  # its owner has nothing to do for it
                    raise
                stored = await find_run(store, run_id)
                return await _leave_answer(engine, store, stored, answer)


async def _leave_answer(engine: Engine, store: Store, stored: StoredRun, answer: Answer) -> int:
    """Put an answer into the inbox of a run that is not continued here.

    It is for a step that waits now, and for no other that may wait when it is taken.
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
    index = found[0].index if len(found) == 1 else answer.index
    await engine.resume_run(run_id, data, step=found[0].path, index=index, by=asker())
    in_inbox(stored, "the answer")
    return SUCCESS


def _check_waits(run_id: str, status: RunStatus) -> None:
    if status in ACTIVE_STATUSES:
        raise UsageError(
            f"run {run_id} does not wait for an answer: it is running elsewhere, or was "
            "interrupted; resume it without --step, --label, --index and --data"
        )


def _opening(run: Run[Any, Any], answer: Answer) -> OpenStream:
    if run.status in ACTIVE_STATUSES:
        if answer.is_given:
            _check_waits(run.run_id, run.status)
        return run.restart_stream
    return partial(run.resume_stream, answer.step, answer.value(), answer.label, answer.index)


async def travel_back(
    run_id: str,
    step: str,
    input_text: str | None,
    context: str | None,
    as_json: bool,
    store_url: str | None,
    workflow: str | None,
) -> int:
    """Go back to a step as a new run, and show that; return the exit code.

    Raises:
      TrioflowError: if there is no such run or step, or the run is still going on.
    """
    kept = need_store(store_url, workflow)
    with exclusive_stdout() if as_json else nullcontext() as output:
        value = MISSING if input_text is None else read_value(input_text, "--input")
        outputs = {} if context is None else read_value(context, "--context")
        if not isinstance(outputs, dict):
            raise UsageError("--context needs a JSON object with the outputs of steps by id")
        async with open_stored(kept, _targets(workflow)) as (engine, store):
            check_workflow(engine, await find_run(store, run_id))
            run = await engine.load_run(run_id)

            @asynccontextmanager
            async def open_stream() -> AsyncGenerator[RunStream[Any], None]:
                async with run.time_travel_stream(step, value, context=outputs) as stream:
                    say(f"new run {stream.run_id}")
                    yield stream

            return await watch(open_stream, choose_display(output, engine.converter), kept)


async def send_event(run_id: str, name: str, data: str | None, store_url: str | None) -> None:
    """Send a named event to a run, wherever it runs.

    Raises:
      UsageError: if there is no such run.
      RunFinishedError, InboxFullError, RequestTooLargeError: if it cannot be taken.
    """
    kept = need_store(store_url)
    value = None if data is None else read_value(data, "DATA")
    async with open_asking(kept) as (engine, store):
        await find_run(store, run_id)
        await engine.send_event(run_id, name, value, by=asker())
        in_inbox(await find_run(store, run_id), f"event {clean(repr(name))}")


async def recover_runs(store_url: str | None, targets: Sequence[str], wait: bool) -> int:
    """Recover all interrupted runs, say how each ends, and return the exit code.

    Leaving early stops the runs; they can be recovered again.

    Args:
      wait: Whether to wait for runs that other processes drive, too, and to recover them if
        these processes die.
    """
    async with open_stored(need_store(store_url), targets) as (engine, store):
        recovery = Recovery(engine, store)
        async with trio.open_nursery() as nursery:

            def stop(signum: int) -> None:
                nursery.start_soon(recovery.stop, signum, nursery.cancel_scope)

            with interruptible(stop, lambda: "") as interruption:
                await recovery.run(wait)
                nursery.cancel_scope.cancel()
    return interruption.exit_code or (FAILED if recovery.has_failed else SUCCESS)


def _targets(workflow: str | None) -> Sequence[str]:
    return () if workflow is None else (workflow,)
