"""Going on with runs of a store: with an answer, after an interruption, from a step, or not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import attrs
import trio

from trioflow._cli.display import say
from trioflow._cli.errors import FAILED, SUCCESS, UsageError
from trioflow._cli.inputs import read_value
from trioflow._cli.output import exclusive_stdout
from trioflow._cli.stores import check_workflow, find_run, need_store, open_stored
from trioflow._cli.text import clean
from trioflow._cli.watch import OpenStream, choose_display, watch
from trioflow.context import MISSING
from trioflow.errors import TrioflowError
from trioflow.events import ACTIVE_STATUSES, WAITING_STATUSES
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
            check_workflow(engine, await find_run(store, run_id))
            run = await engine.load_run(run_id)
            open_stream = _opening(run, answer)
            return await watch(open_stream, choose_display(output, engine.converter), kept)


def _opening(run: Run[Any, Any], answer: Answer) -> OpenStream:
    if run.status in ACTIVE_STATUSES:
        if answer.is_given:
            raise UsageError(
                f"run {run.run_id} does not wait for an answer: it is going on elsewhere, or was "
                "interrupted; resume it without --step, --label, --index and --data"
            )
        return run.restart_stream
    data = None if answer.data is None else read_value(answer.data, "--data")
    return partial(run.resume_stream, answer.step, data, answer.label, answer.index)


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


async def cancel_run(run_id: str, reason: str | None, store_url: str | None) -> None:
    """End a run that nobody goes on with as canceled; its workflow need not be known.

    Raises:
      UsageError: if there is no such run.
      RunClaimedError: if somebody goes on with it.
      NotResumableError: if it is over.
    """
    async with open_stored(need_store(store_url)) as (engine, store):
        await find_run(store, run_id)
        await engine.cancel_run(run_id, reason)
        print(f"run {clean(run_id)} is canceled")


async def recover_runs(store_url: str | None, targets: Sequence[str]) -> int:
    """Go on with all interrupted runs, say how each ends, and return the exit code.

    Leaving early stops the runs; they can go on again.
    """
    failed = False

    async def wait(run: Run[Any, Any]) -> None:
        nonlocal failed
        try:
            status: str = (await run.wait()).status
        except TrioflowError as exc:
            status = f"not saved: {exc}"
        failed |= status not in ("success", *WAITING_STATUSES)
        print(clean(f"{run.run_id}  {run.workflow_id}  {status}"), flush=True)

    async with open_stored(need_store(store_url), targets) as (engine, store):
        interrupted = await store.list_runs(status=ACTIVE_STATUSES)
        for id in sorted({each.header.workflow_id for each in interrupted} - {*engine.workflows}):
            say(clean(f"workflow {id!r} is not installed; name it with --workflow MODULE:ATTR"))
            failed = True
        recovered = await engine.recover()
        say(f"{len(recovered)} interrupted run{'s' * (len(recovered) != 1)} to go on with")
        async with trio.open_nursery() as nursery:
            for run in recovered:
                nursery.start_soon(wait, run)
    return FAILED if failed else SUCCESS


def _targets(workflow: str | None) -> Sequence[str]:
    return () if workflow is None else (workflow,)
