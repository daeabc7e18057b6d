"""Built-in instruments: they add the step to log records and report steps that block the loop.

Enable them explicitly; only the command line enables all of them::

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
