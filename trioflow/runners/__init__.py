"""The runners that need no plugin, and what authors of others need.

A blocking step runs in a thread, at most 40 of them at the same time. `open_engine` takes another
number, and threads of their own for some steps::

    runners = {
        "thread": ThreadRunner(capacity=8),  # for all steps that name no runner
        "disk": ThreadRunner(capacity=2),  # for @step(runner="disk")
        "patient": ThreadRunner(abandon_on_cancel=True),
    }
    async with open_engine(runners=runners) as engine: ...
"""

from trioflow._public import publish
from trioflow.runners._blocking import check_blocking
from trioflow.runners._inline import InlineRunner
from trioflow.runners._resources import OpenResource, Resources, resource_opener
from trioflow.runners._thread import ThreadRunner

__all__ = [
    "InlineRunner",
    "OpenResource",
    "Resources",
    "ThreadRunner",
    "check_blocking",
    "resource_opener",
]

publish(__name__, __all__, globals())
