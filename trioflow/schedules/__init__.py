"""Schedules: runs that start by the clock, each tick at most once, in however many processes.

A *schedule* says which workflow runs *when*. A *tick* is one of its times. What this package is
made of, in the order in which the modules may import each other:

=============== ==================================================================================
``_rules``      when: `Cron`, `Every`, `At`, and several of them; iterators over UTC times
``_schedule``   `Schedule`: what users declare
``_wire``       rules and schedules as JSON, as stores keep them
``_words``      rules in words, for people
``_deciding``   what becomes of each tick, as earlier runs permit
``_due``        which ticks are due, and which of those that came late still start
``_ports``      what schedules need of an engine
``_book``       the schedules of one engine as its store has them
``_passing``    one look at one schedule: decide about its ticks, and start runs
``_loop``       the one task of an engine that sleeps until something is due
``_changing``   put schedules into the store, pause and resume them
``_asking``     decide about ticks on request: trigger and backfill
``_info``       what an engine knows of a schedule
``_manager``    `Schedules`, as in ``engine.schedules``
=============== ==================================================================================

No future tick is ever stored: a store keeps a *watermark*, up to which ticks are decided. A tick is
*decided* in the transaction that moves the watermark, and *started* in the one that writes the
header of its run.
"""

from typing import TYPE_CHECKING

from trioflow._lazy import lazy_names

if TYPE_CHECKING:
    from trioflow._tick import Tick
    from trioflow.schedules._info import ScheduleInfo
    from trioflow.schedules._manager import Schedules
    from trioflow.schedules._rules import At, Cron, Every, Rule, When
    from trioflow.schedules._schedule import Missed, Overlap, Schedule

__all__ = [
    "At",
    "Cron",
    "Every",
    "Missed",
    "Overlap",
    "Rule",
    "Schedule",
    "ScheduleInfo",
    "Schedules",
    "Tick",
    "When",
]

if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = lazy_names(
        __name__,
        {
            "At": "trioflow.schedules._rules",
            "Cron": "trioflow.schedules._rules",
            "Every": "trioflow.schedules._rules",
            "Missed": "trioflow.schedules._schedule",
            "Overlap": "trioflow.schedules._schedule",
            "Rule": "trioflow.schedules._rules",
            "Schedule": "trioflow.schedules._schedule",
            "ScheduleInfo": "trioflow.schedules._info",
            "Schedules": "trioflow.schedules._manager",
            "Tick": "trioflow._tick",
            "When": "trioflow.schedules._rules",
        },
    )
