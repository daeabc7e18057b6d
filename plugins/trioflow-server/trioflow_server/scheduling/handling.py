"""The routes of schedules."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from starlette.responses import Response

from trioflow import Cron, Every, Schedule
from trioflow.abc import ScheduleStore
from trioflow.errors import DefinitionError, TickTakenError, UnknownNameError
from trioflow.schedules import ScheduleInfo, When
from trioflow_server.answers import json_answer, message
from trioflow_server.calls import Call
from trioflow_server.problems import Issue, Problem, invalid, workflow_not_found
from trioflow_server.scheduling.shapes import schedule_of, tick_of, triggers_of
from trioflow_server.starting import check_resource
from trioflow_server.values import milliseconds

MOST = 1000
"""Most ticks of one answer."""
LATEST = 253_402_300_799
"""The last second that datetimes know."""


async def visible(call: Call) -> list[ScheduleInfo]:
    """Return the schedules that the principal may see."""
    engine = call.service.engine
    if engine.store is not None and not isinstance(engine.store, ScheduleStore):
        return []
    found = await engine.schedules.list()
    return [info for info in found if _may_see(call, info)]


def _may_see(call: Call, info: ScheduleInfo) -> bool:
    """Return whether the principal may see a schedule: all, if its resource cannot be read."""
    if info.error is not None:
        return call.principal.resources is None
    return call.principal.sees(info.schedule.resource_id)


async def find(call: Call) -> ScheduleInfo:
    """Return the schedule in the path.

    Raises:
      Problem: if there is none that the principal may see.
    """
    try:
        info = await call.service.engine.schedules.get(call.path("schedule_id"))
    except UnknownNameError:
        raise _not_found() from None
    if not _may_see(call, info):
        raise _not_found()
    return info


def _not_found() -> Problem:
    return Problem(404, "Schedule not found", "schedule-not-found")


# ---------------------------------------------------------------- looking
async def list_schedules(call: Call) -> Response:
    """List schedules."""
    query = call.query
    status = query.chosen("status", ("active", "paused"))
    workflow, resource = query.text("workflowId"), query.text("resourceId")
    query.check()
    found = [] if query.text("agentId") else await visible(call)
    chosen = [
        info
        for info in found
        if workflow in (None, info.workflow)
        and (resource is None or (not info.error and resource == info.schedule.resource_id))
        and status in (None, "paused" if info.is_paused else "active")
    ]
    return json_answer({"schedules": [await schedule_of(call, info) for info in chosen]})


async def get_schedule(call: Call) -> Response:
    """Show a schedule."""
    return json_answer(await schedule_of(call, await find(call)))


async def list_triggers(call: Call) -> Response:
    """List what became of ticks, in the shape that clients expect."""
    return json_answer({"triggers": await triggers_of(call, await _records(call))})


async def list_ticks(call: Call) -> Response:
    """List what became of ticks."""
    return json_answer({"ticks": [tick_of(each) for each in await _records(call)]})


async def _records(call: Call) -> list[Any]:
    limit = call.query.number("limit", least=1)
    since = call.query.number("fromActualFireAt", most=2**53)
    until = call.query.number("toActualFireAt", most=2**53)
    call.query.check()
    info, most = await find(call), min(limit or 50, MOST)
    are_all = since is None and until is None
    records = await call.service.engine.schedules.ticks(info.id, most if are_all else MOST)
    chosen = [
        record
        for record in records
        if (since is None or record.decided_at * 1000 >= since)
        and (until is None or record.decided_at * 1000 <= until)
    ]
    return chosen[:most]


async def next_ticks(call: Call) -> Response:
    """List the next ticks."""
    count = call.query.number("n", least=1, most=MOST)
    call.query.check()
    info = await find(call)
    found = await call.service.engine.schedules.next(info.id, count or 10)
    return json_answer({"ticks": [milliseconds(tick.timestamp()) for tick in found]})


# ---------------------------------------------------------------- changing
async def create(call: Call) -> Response:
    """Create a schedule."""
    body = await call.body()
    id = body.get("id") or f"schedule_{secrets.token_hex(8)}"
    if await _exists(call, id):
        raise Problem(409, f"There is a schedule {id!r} already", "schedule-exists")
    return await _put(call, id, body)


async def put(call: Call) -> Response:
    """Create or replace a schedule."""
    id = call.path("schedule_id")
    if await _exists(call, id):
        await find(call)  # or say that it is not there
    return await _put(call, id, await call.body())


async def patch(call: Call) -> Response:
    """Change a schedule."""
    info, body = await find(call), await call.body()
    schedules = call.service.engine.schedules
    if info.is_declared and set(body) - {"status"}:
        problem = "It is declared in code; only its status can be changed"
        raise Problem(409, problem, "schedule-declared")
    if set(body) - {"status"}:
        await schedules.put(_patched(info.schedule, body))
    if body.get("status") is not None:
        status = body["status"]
        if status not in ("active", "paused"):
            raise invalid("request body", [Issue("status", "Expected active or paused")])
        await (schedules.pause if status == "paused" else schedules.resume)(info.id)
    return json_answer(await schedule_of(call, await find(call)))


def _patched(old: Schedule, body: dict[str, Any]) -> Schedule:
    rule: When = old.when
    if "cron" in body or "timezone" in body:
        before = next((each for each in old.rules if isinstance(each, Cron)), None)
        expression = body.get("cron", before and before.expression)
        zone = body.get("timezone", before.zone if before else "UTC")
        rule = _checked(lambda: Cron(expression or "", zone))
    return _copied(old, rule, body.get("inputData", old.input))


def _copied(old: Schedule, rule: When, given: Any) -> Schedule:
    kept = attrs.asdict(old, recurse=False)
    for name in ("rules", "id", "workflow", "input"):
        del kept[name]
    return Schedule(old.id, old.workflow, rule, given, **kept)


async def _exists(call: Call, id: str) -> bool:
    try:
        await call.service.engine.schedules.get(id)
    except UnknownNameError:
        return False
    return True


async def _put(call: Call, id: str, body: dict[str, Any]) -> Response:
    workflow = body["workflowId"]
    if workflow not in call.service.engine.workflows:
        raise workflow_not_found()
    resource = check_resource(call, body.get("resourceId"))
    options: dict[str, Any] = {
        ours: body[theirs]
        for ours, theirs in (
            ("overlap", "overlap"),
            ("missed", "missed"),
            ("catch_up", "catchUpSeconds"),
            ("jitter", "jitterSeconds"),
            ("limit", "limit"),
            ("note", "note"),
            ("pause_on_failure", "pauseOnFailure"),
        )
        if theirs in body
    }
    schedule = _checked(
        lambda: Schedule(
            id, workflow, _rule(body), body.get("inputData"), resource_id=resource, **options
        )
    )
    info = await call.service.engine.schedules.put(schedule)
    return json_answer(await schedule_of(call, info))


def _rule(body: dict[str, Any]) -> When:
    if "cron" in body:
        return Cron(body["cron"], body.get("timezone", "UTC"))
    if "everySeconds" in body:
        return Every(body["everySeconds"])
    raise invalid("request body", [Issue("cron", "Required")])


def _checked(make: Any) -> Any:
    try:
        return make()
    except DefinitionError as exc:
        raise invalid("request body", [Issue("root", str(exc))]) from exc


async def delete(call: Call) -> Response:
    """Delete a schedule."""
    info = await find(call)
    await call.service.engine.schedules.delete(info.id)
    return message(f"Schedule {info.id} deleted")


async def pause(call: Call) -> Response:
    """Pause a schedule."""
    info, body = await find(call), await call.body()
    await call.service.engine.schedules.pause(info.id, body.get("reason"))
    return json_answer(await schedule_of(call, await find(call)))


async def resume(call: Call) -> Response:
    """Resume a schedule."""
    info = await find(call)
    await call.service.engine.schedules.resume(info.id)
    return json_answer(await schedule_of(call, await find(call)))


# ---------------------------------------------------------------- starting by hand
async def run_now(call: Call) -> Response:
    """Decide about a tick now."""
    call.service.check_open()
    info, body = await find(call), await call.body()
    at = None if "at" not in body else _moment("at", body["at"])
    try:
        record = await call.service.engine.schedules.trigger(
            info.id, at, overlap=_overlap(body), by=call.by
        )
    except TickTakenError as exc:
        raise Problem(409, str(exc), "tick-taken") from exc
    except ValueError as exc:
        raise invalid("request body", [Issue("at", str(exc))]) from exc
    answer = {"scheduleId": info.id, "scheduledFireAt": milliseconds(record.at)}
    claim = record.run_id or f"{info.id}@{milliseconds(record.at)}"
    return json_answer({**answer, "claimId": claim, **tick_of(record)})


async def backfill(call: Call) -> Response:
    """Decide about past ticks."""
    call.service.check_open()
    info, body = await find(call), await call.body()
    since, until = _moment("from", body["from"]), datetime.now(UTC) - timedelta(seconds=1)
    if "to" in body:
        until = _moment("to", body["to"])
    try:
        records = await call.service.engine.schedules.backfill(
            info.id,
            since,
            until,
            overlap=_overlap(body),
            dry_run=body.get("dryRun", False),
            by=call.by,
        )
    except ValueError as exc:
        raise invalid("request body", [Issue("to", str(exc))]) from exc
    return json_answer({"ticks": [tick_of(record) for record in records]})


def _overlap(body: dict[str, Any]) -> Any:
    given = body.get("overlap")
    if given not in (None, "skip", "queue", "cancel", "allow"):
        raise invalid("request body", [Issue("overlap", "Expected skip, queue, cancel or allow")])
    return given


def _moment(name: str, given: Any) -> datetime:
    """Return milliseconds since the epoch, or an ISO time with a zone, as a datetime."""
    try:
        if isinstance(given, str):
            found = datetime.fromisoformat(given)
            if found.tzinfo is not None:
                return found
        elif isinstance(given, int | float) and 0 <= given / 1000 < LATEST:
            return datetime.fromtimestamp(given / 1000, UTC)
    except ValueError:
        pass
    raise invalid("request body", [Issue(name, "Expected milliseconds or an ISO time")])
