"""Handles ``trioflow run --run-id`` if the store already has a run with this id."""

from __future__ import annotations

from typing import Any

from trioflow._cli.display import Display, say
from trioflow._cli.errors import EXIT_CODES, FAILED, SUCCESS
from trioflow._cli.hints import how_to_answer, how_to_resume, how_to_try_again
from trioflow._cli.owners import driven_by, is_enqueued, is_interrupted
from trioflow._cli.stores import Whereabouts
from trioflow._cli.text import clean
from trioflow._cli.watch import report
from trioflow.abc import StoredRun
from trioflow.engine import Engine
from trioflow.events import ACTIVE_STATUSES
from trioflow.run import Run


async def report_existing(
    engine: Engine, stored: StoredRun, display: Display, kept: Whereabouts
) -> int:
    """Report the status of an existing run, and return the exit code of that status.

    Raises:
      TrioflowError: if the run cannot be read.
    """
    run_id = stored.header.run_id
    if stored.status in ACTIVE_STATUSES:
        where = "interrupted" if is_interrupted(stored) else f"running in {driven_by(stored)}"
        if is_enqueued(stored):
            where = f"waiting for a worker of queue {stored.header.queue}"
        say(clean(f"run {run_id} already exists: it is {where}"))
        if is_interrupted(stored):
            how_to_resume(kept, run_id)
        return FAILED
    say(clean(f"run {run_id} already exists: {stored.status}"))
    run: Run[Any, Any] = await engine.load_run(run_id)
    result = await run.wait()
    if result.status == "success":
        await display.show_result(result.output)
        return SUCCESS
    report(result, run.record.calls.values())
    if result.status == "suspended":
        how_to_answer(kept, run.record)
    if result.status == "failed":
        how_to_try_again(kept, result)
    return EXIT_CODES[result.status]
