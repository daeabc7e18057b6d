"""The disk: writing, claims, loading, and requests from other processes.

Engines import what they need from here when a run is kept or listed; others import the modules.
"""

from typing import TYPE_CHECKING

from trioflow._lazy import lazy_names

if TYPE_CHECKING:
    from trioflow._engine.journal.applying import command_here
    from trioflow._engine.journal.claims import Claims
    from trioflow._engine.journal.durable_runs import DurableRuns, open_durable_runs
    from trioflow._engine.journal.enqueuing import enqueue
    from trioflow._engine.journal.inbox import Cancel, Drain, Resume, Send
    from trioflow._engine.journal.jobs import check_priority, job_of
    from trioflow._engine.journal.listing import (
        RunList,
        chosen_by,
        filter_of,
        statuses,
        unfinished,
        unsuccessful,
    )
    from trioflow._engine.journal.looking import open_stored_runs, recover
    from trioflow._engine.journal.observing import open_stored
    from trioflow._engine.journal.once import begin_or_attach, register, start_once, start_or_attach
    from trioflow._engine.journal.removing import Remover, for_each
    from trioflow._engine.journal.requesting import send_command
    from trioflow._engine.journal.stored_runs import StoredRuns
    from trioflow._engine.journal.work_reports import WorkReporter
    from trioflow._engine.journal.working import Worker
    from trioflow._engine.journal.writer import JournalWriter

__all__ = [
    "Cancel",
    "Claims",
    "Drain",
    "DurableRuns",
    "JournalWriter",
    "Remover",
    "Resume",
    "RunList",
    "Send",
    "StoredRuns",
    "WorkReporter",
    "Worker",
    "begin_or_attach",
    "check_priority",
    "chosen_by",
    "command_here",
    "enqueue",
    "filter_of",
    "for_each",
    "job_of",
    "open_durable_runs",
    "open_stored",
    "open_stored_runs",
    "recover",
    "register",
    "send_command",
    "start_once",
    "start_or_attach",
    "statuses",
    "unfinished",
    "unsuccessful",
]

if not TYPE_CHECKING:  # otherwise type checkers would accept every name
    __getattr__ = lazy_names(
        __name__,
        {
            "Cancel": "trioflow._engine.journal.inbox",
            "Claims": "trioflow._engine.journal.claims",
            "Drain": "trioflow._engine.journal.inbox",
            "DurableRuns": "trioflow._engine.journal.durable_runs",
            "JournalWriter": "trioflow._engine.journal.writer",
            "Remover": "trioflow._engine.journal.removing",
            "Resume": "trioflow._engine.journal.inbox",
            "RunList": "trioflow._engine.journal.listing",
            "Send": "trioflow._engine.journal.inbox",
            "StoredRuns": "trioflow._engine.journal.stored_runs",
            "WorkReporter": "trioflow._engine.journal.work_reports",
            "Worker": "trioflow._engine.journal.working",
            "begin_or_attach": "trioflow._engine.journal.once",
            "check_priority": "trioflow._engine.journal.jobs",
            "chosen_by": "trioflow._engine.journal.listing",
            "command_here": "trioflow._engine.journal.applying",
            "enqueue": "trioflow._engine.journal.enqueuing",
            "filter_of": "trioflow._engine.journal.listing",
            "for_each": "trioflow._engine.journal.removing",
            "job_of": "trioflow._engine.journal.jobs",
            "open_durable_runs": "trioflow._engine.journal.durable_runs",
            "open_stored": "trioflow._engine.journal.observing",
            "open_stored_runs": "trioflow._engine.journal.looking",
            "recover": "trioflow._engine.journal.looking",
            "register": "trioflow._engine.journal.once",
            "send_command": "trioflow._engine.journal.requesting",
            "start_once": "trioflow._engine.journal.once",
            "start_or_attach": "trioflow._engine.journal.once",
            "statuses": "trioflow._engine.journal.listing",
            "unfinished": "trioflow._engine.journal.listing",
            "unsuccessful": "trioflow._engine.journal.listing",
        },
    )
