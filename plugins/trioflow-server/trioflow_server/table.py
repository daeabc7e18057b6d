"""All endpoints of the server."""

from __future__ import annotations

from collections.abc import Sequence

from trioflow_server.compat.routes import COMPATIBLE
from trioflow_server.endpoints import Endpoint
from trioflow_server.own.routes import OWN
from trioflow_server.pages.routes import PAGES
from trioflow_server.scheduling.routes import SCHEDULES
from trioflow_server.seen.routes import SEEN


def all_endpoints() -> Sequence[Endpoint]:
    """Return all endpoints; of two that match a request, the first counts."""
    return (*SEEN, *SCHEDULES, *COMPATIBLE, *OWN, *PAGES)
