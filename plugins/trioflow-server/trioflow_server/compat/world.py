"""Answers about parts of the other server that this one does not have.

Studio asks for them on every page; with these answers it shows none of them and reports no errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from trioflow_server.answers import json_answer
from trioflow_server.calls import Call

_PAGES = {"total": 0, "page": 0, "perPage": 10, "hasMore": False}
EMPTY: Mapping[str, Any] = {
    "/api/agents": {},
    "/api/processors": {},
    "/api/scores/scorers": {},
    "/api/mcp/v0/servers": {"servers": [], "total_count": 0, "next": None},
    "/api/workspaces": {"workspaces": []},
    "/api/system/packages": {
        "packages": [],
        "isDev": False,
        "cmsEnabled": False,
        "liveKitConnectionRouteEnabled": False,
        "observabilityEnabled": False,
        "storageType": "trioflow",
    },
    "/api/editor/builder/settings": {"enabled": False, "modelPolicy": {"active": False}},
    "/api/observability/feedback": {"feedback": [], "pagination": _PAGES},
    "/api/experiments/review-summary": {"counts": []},
    "/api/auth/me": None,
}
"""The answers by path."""
CAPABILITIES = {"enabled": False, "login": None}


async def answer_empty(call: Call) -> Response:
    """Say that there is none of it."""
    return json_answer(EMPTY[call.endpoint.path])


async def capabilities(call: Call) -> Response:
    """Say that there is no login of this kind."""
    return json_answer(CAPABILITIES)
