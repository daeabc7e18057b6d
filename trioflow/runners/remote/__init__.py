"""The kit for runners whose bodies run in other processes, on this machine or another.

It has no transport: a runner brings messages from one process to the other, in the order in which
they were sent, and starts and ends the processes. ``trioflow-process`` and ``trioflow-ray`` are
such runners. Install it as ``trioflow[remote]``.

In the run's process, for each body: `pack_call` and `facts_of` make a `Job`; a `Service` answers
what the body requests over a `Post`, until the outcome comes; `result_of` returns or raises what
the body did. One `Logbook` hands the log records of all bodies to the loggers.

In the other process: `Bodies` runs jobs, whose requests go through a `Line`. They do so inside of
`open_loop`, the event loop of the process, in which bodies can await something.
"""

from typing import TYPE_CHECKING

from trioflow._lazy import lazy_names

if TYPE_CHECKING:
    from trioflow.runners.remote._bodies import Bodies
    from trioflow.runners.remote._errors import NotInWorkerError, NotPicklableError
    from trioflow.runners.remote._levels import Levels
    from trioflow.runners.remote._link import Line
    from trioflow.runners.remote._logbook import Logbook
    from trioflow.runners.remote._loop import open_loop
    from trioflow.runners.remote._messages import (
        Answer,
        Ask,
        Begun,
        CallFacts,
        Cancel,
        Frame,
        Job,
        LogRecord,
        Message,
        Outcome,
        Raised,
        Returned,
        Stopped,
    )
    from trioflow.runners.remote._packing import PackedError, pack_error
    from trioflow.runners.remote._reachable import check_reachable
    from trioflow.runners.remote._sending import facts_of, pack_call, result_of
    from trioflow.runners.remote._service import Post, Service

__all__ = [
    "Answer",
    "Ask",
    "Begun",
    "Bodies",
    "CallFacts",
    "Cancel",
    "Frame",
    "Job",
    "Levels",
    "Line",
    "LogRecord",
    "Logbook",
    "Message",
    "NotInWorkerError",
    "NotPicklableError",
    "Outcome",
    "PackedError",
    "Post",
    "Raised",
    "Returned",
    "Service",
    "Stopped",
    "check_reachable",
    "facts_of",
    "open_loop",
    "pack_call",
    "pack_error",
    "result_of",
]

if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = lazy_names(
        __name__,
        {
            "Answer": "trioflow.runners.remote._messages",
            "Ask": "trioflow.runners.remote._messages",
            "Begun": "trioflow.runners.remote._messages",
            "Bodies": "trioflow.runners.remote._bodies",
            "CallFacts": "trioflow.runners.remote._messages",
            "Cancel": "trioflow.runners.remote._messages",
            "Frame": "trioflow.runners.remote._messages",
            "Job": "trioflow.runners.remote._messages",
            "Levels": "trioflow.runners.remote._levels",
            "Line": "trioflow.runners.remote._link",
            "LogRecord": "trioflow.runners.remote._messages",
            "Logbook": "trioflow.runners.remote._logbook",
            "Message": "trioflow.runners.remote._messages",
            "NotInWorkerError": "trioflow.runners.remote._errors",
            "NotPicklableError": "trioflow.runners.remote._errors",
            "Outcome": "trioflow.runners.remote._messages",
            "PackedError": "trioflow.runners.remote._packing",
            "Post": "trioflow.runners.remote._service",
            "Raised": "trioflow.runners.remote._messages",
            "Returned": "trioflow.runners.remote._messages",
            "Service": "trioflow.runners.remote._service",
            "Stopped": "trioflow.runners.remote._messages",
            "check_reachable": "trioflow.runners.remote._reachable",
            "facts_of": "trioflow.runners.remote._sending",
            "open_loop": "trioflow.runners.remote._loop",
            "pack_call": "trioflow.runners.remote._sending",
            "pack_error": "trioflow.runners.remote._packing",
            "result_of": "trioflow.runners.remote._sending",
        },
    )
