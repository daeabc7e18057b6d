"""The built-in runners, and utilities for authors of runners.

Blocking steps run in threads, at most 40 at the same time. Pass runners to `open_engine` to change
that limit, or to give some steps their own threads::

    runners = {
        "thread": ThreadRunner(capacity=8),  # for all steps that name no runner
        "disk": ThreadRunner(capacity=2),  # for @step(runner="disk")
        "patient": ThreadRunner(abandon_on_cancel=True),
    }
    async with open_engine(runners=runners) as engine: ...

For runners of your own, `Places` bounds how many bodies run at the same time, and `outside_timeout`
lets a ``timeout`` count from when the body begins.
"""

from trioflow._public import publish
from trioflow.runners._blocking import check_blocking
from trioflow.runners._inline import InlineRunner
from trioflow.runners._places import Place, Places
from trioflow.runners._resources import OpenResource, Resources, resource_opener
from trioflow.runners._thread import ThreadRunner
from trioflow.runners._timeouts import outside_timeout

__all__ = [
    "InlineRunner",
    "OpenResource",
    "Place",
    "Places",
    "Resources",
    "ThreadRunner",
    "check_blocking",
    "outside_timeout",
    "resource_opener",
]

publish(__name__, __all__, globals())
