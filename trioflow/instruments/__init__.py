"""Instruments that come with trioflow: which step a log record is from, and who blocks the loop.

None of them is on unless it is asked for, except that the command line has them all::

    async with open_engine(instruments=[StepTracker(), BlockWatch()]) as engine: ...
"""

from trioflow._public import publish
from trioflow.instruments._blocking import BlockWatch
from trioflow.instruments._logs import (
    StepContextFilter,
    StepTracker,
    add_step_context,
    current_step,
)

__all__ = [
    "BlockWatch",
    "StepContextFilter",
    "StepTracker",
    "add_step_context",
    "current_step",
]

publish(__name__, __all__, globals())
