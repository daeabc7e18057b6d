"""The retry of a run: one per run, across all processes."""

from __future__ import annotations

from trioflow._engine.history.retry_past import retry_past
from trioflow._engine.life.forking import new_fork
from trioflow._engine.life.life import Life
from trioflow._engine.life.recovering import recorded_events
from trioflow._ids import check_name, retry_id
from trioflow._phases import Phase
from trioflow.errors import NotResumableError


async def open_retry(old: Life, by: str | None) -> Life:
    """Return the run that repeats what failed or was canceled in an old one.

    Raises: what `Run.retry` raises.
    """
    status = old.record.status
    if old.unreadable is None and (
        old.phase is not Phase.FINISHED or status not in ("failed", "canceled")
    ):
        problem = "only a failed or canceled run can be retried"
        raise NotResumableError(old.run_id, status, problem)
    run_id = retry_id(old.run_id)
    check_name("run id", run_id)
    known = old.environment.known()
    if known is None:
        return await _retry(old, run_id, by)
    async with known.lock(run_id):
        life: Life | None = known.find(run_id)
        if life is not None and not life.is_lost:
            return life
        if await known.is_stored(run_id):
            stored: Life = await known.load(run_id)
            return stored
        new = await _retry(old, run_id, by)
        known.add(new)
        return new


async def _retry(old: Life, run_id: str, by: str | None) -> Life:
    recorded = await recorded_events(old)
    if old.retry is None or old.keeper is not None:  # no store knows of another retry
        past = retry_past(old.plan, old.record, recorded, run_id, old.misfits)
        old.retry = new_fork(old, run_id, past, by)
    return old.retry
