"""Schedules and ticks in the shapes that clients expect, with fields of our own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trioflow import RunInfo
from trioflow.abc import TickRecord
from trioflow.errors import StoreError, UnknownRunError
from trioflow.schedules import Cron, Schedule, ScheduleInfo
from trioflow_server.calls import Call
from trioflow_server.values import milliseconds

OUTCOMES = {
    "decided": "published",
    "started": "published",
    "queued": "deferred",
    "skipped": "dropped-busy",
    "missed": "dropped-stale",
    "failed": "failed",
    "set-back": "discarded",
}
"""What clients call our decisions."""


async def schedule_of(call: Call, info: ScheduleInfo) -> dict[str, Any]:
    """Return a schedule as clients see it."""
    last = info.last
    shown: dict[str, Any] = {
        "id": info.id,
        "workflowId": info.workflow,
        "cron": info.words,
        "status": "paused" if info.is_paused else "active",
        "nextFireAt": 0 if info.next is None else _ms(info.next),
        "createdAt": _ms(info.since),
        "updatedAt": _ms(info.since),
        "metadata": {},
        "rule": info.words,
        "declared": info.is_declared,
        "orphaned": info.is_orphaned,
        "starts": info.starts,
        "watermark": _ms(info.watermark),
    }
    shown |= {"reason": info.reason} if info.reason else {}
    shown |= {"error": str(info.error)} if info.error else _read_of(call, info.schedule)
    if last is not None:
        shown |= {"lastFireAt": milliseconds(last.at), "lastDecision": last.decision}
        run = await run_of(call, last)
        if run is not None:
            shown |= {"lastRunId": run.run_id, "lastRun": _summary(run)}
    return shown


def _read_of(call: Call, schedule: Schedule) -> dict[str, Any]:
    """Return what a schedule says that can be read here."""
    shown: dict[str, Any] = {"overlap": schedule.overlap, "missed": schedule.missed}
    for rule in schedule.rules:
        if isinstance(rule, Cron):
            shown |= {"cron": rule.expression, "timezone": rule.zone}
            break
    if schedule.input is not None and not callable(schedule.input):
        shown["inputData"] = call.service.shower.value(schedule.input)
    texts = {"resourceId": schedule.resource_id, "note": schedule.note}
    return shown | {name: text for name, text in texts.items() if text}


async def triggers_of(call: Call, records: Sequence[TickRecord]) -> list[dict[str, Any]]:
    """Return records as the triggers that clients expect."""
    return [await _trigger(call, record) for record in records]


async def _trigger(call: Call, record: TickRecord) -> dict[str, Any]:
    run = await run_of(call, record)
    shown: dict[str, Any] = {
        "id": f"{record.schedule}@{milliseconds(record.at)}",
        "scheduleId": record.schedule,
        "runId": record.run_id,
        "scheduledFireAt": milliseconds(record.at),
        "actualFireAt": milliseconds(record.decided_at),
        "outcome": OUTCOMES[record.decision],
        "triggerKind": "schedule-fire" if record.by is None else "manual",
        "metadata": tick_of(record),
    }
    if record.decision == "failed" and record.reason:
        shown["error"] = record.reason
    if run is not None:
        shown["run"] = _summary(run)
    return shown


def tick_of(record: TickRecord) -> dict[str, Any]:
    """Return a record in our own shape."""
    return {
        "tick": milliseconds(record.at),
        "decision": record.decision,
        "runId": record.run_id,
        "reason": record.reason,
        "by": record.by,
        "decidedAt": milliseconds(record.decided_at),
        "missedBefore": record.number_missed,
        "count": record.count,
    }


async def run_of(call: Call, record: TickRecord) -> RunInfo | None:
    """Return the run of a tick, if there is one that the principal may see."""
    if record.run_id is None or record.decision != "started":
        return None
    try:
        found = await call.service.engine.find_run_info(record.run_id)
    except (UnknownRunError, StoreError):
        return None
    return found if call.principal.sees(found.resource_id) else None


def _summary(run: RunInfo) -> dict[str, Any]:
    summary: dict[str, Any] = {"status": run.status, "startedAt": milliseconds(run.created_at)}
    if run.status in ("success", "failed", "canceled"):
        summary["completedAt"] = milliseconds(run.updated_at)
        summary["durationMs"] = summary["completedAt"] - summary["startedAt"]
    return summary


def _ms(moment: datetime) -> int:
    return milliseconds(moment.timestamp())
