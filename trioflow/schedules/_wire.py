"""Rules and schedules as JSON, as stores keep them.

The rule says which ticks there are: if it changes, the past is not started. The options say what
becomes of the ticks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from trioflow._tick import text_of
from trioflow.errors import DefinitionError, UnreadableScheduleError, name_and_message
from trioflow.schedules._rules import MICROSECOND, At, Cron, Every, Rule
from trioflow.schedules._schedule import Schedule

OPTIONS = (
    "overlap",
    "overlap_suspended",
    "catch_up",
    "missed",
    "limit_catch_up",
    "jitter",
    "pause_on_failure",
    "note",
    "resource_id",
    "tags",
)


def rule_text(schedule: Schedule) -> str:
    """Return which ticks a schedule has, as JSON. Equal rules have equal texts."""
    return _dumped(
        {
            "when": [_rule_json(rule) for rule in schedule.rules],
            "start": None if schedule.start is None else text_of(schedule.start),
            "end": None if schedule.end is None else text_of(schedule.end),
            "limit": schedule.limit,
        }
    )


def options_text(schedule: Schedule) -> str:
    """Return the other options of a schedule as JSON, without its input."""
    return _dumped({name: getattr(schedule, name) for name in OPTIONS})


def schedule_of(id: str, workflow: str, rule: str, options: str, input: Any = None) -> Schedule:
    """Return the schedule that `rule_text` and `options_text` describe.

    Raises:
      UnreadableScheduleError: if another version has written it, or its zone is not known here.
    """
    try:
        return _schedule_of(id, workflow, rule, options, input)
    except Exception as exc:  # of parsers, for texts of which nothing is known
        raise UnreadableScheduleError(id, _problem(exc)) from exc


def _schedule_of(id: str, workflow: str, rule: str, options: str, input: Any) -> Schedule:
    ticks: Mapping[str, Any] = json.loads(rule)
    given: Mapping[str, Any] = json.loads(options)
    return Schedule(
        id,
        workflow,
        tuple(map(rule_of, ticks["when"])),
        input,
        start=_moment(ticks["start"]),
        end=_moment(ticks["end"]),
        limit=ticks["limit"],
        **{name: given[name] for name in OPTIONS},
    )


def _rule_json(rule: Rule) -> dict[str, Any]:
    match rule:
        case Cron():
            return {"cron": rule.expression, "zone": rule.zone}
        case Every():
            return {"every": rule.interval // MICROSECOND, "offset": rule.offset // MICROSECOND}
        case At():
            return {"at": text_of(rule.moment)}


def rule_of(given: Mapping[str, Any]) -> Rule:
    """Return the rule that JSON describes."""
    if "cron" in given:
        return Cron(given["cron"], given["zone"])
    if "every" in given:
        interval, offset = (timedelta(microseconds=given[name]) for name in ("every", "offset"))
        return Every(interval, offset=offset)
    return At(datetime.fromisoformat(given["at"]))


def _problem(error: Exception) -> str:
    if isinstance(error, DefinitionError):
        return str(error)  # it says itself what is wrong
    return "{}: {}".format(*name_and_message(error))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _dumped(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
