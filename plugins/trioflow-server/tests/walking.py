"""All routes of the server, each as a request that could be sent."""

from __future__ import annotations

import re
from typing import Any

import attrs
import httpx
from trioflow_server.endpoints import Endpoint
from trioflow_server.table import all_endpoints

VALUES = {
    "workflow_id": "approve",
    "run_id": "r",
    "tool_id": "add",
    "name": "parcel",
    "step": "ask",
}
BODY: dict[str, Any] = {
    "inputData": {"amount": 5},
    "resumeData": {"approved": True},
    "data": {"approved": True},
    "step": "ask",
    "event": "parcel",
}


@attrs.frozen
class Visit:
    """One request to one route."""

    endpoint: Endpoint

    @property
    def path(self) -> str:
        return re.sub(r"{(\w+)}", lambda match: VALUES.get(match[1], "x"), self.endpoint.path)

    @property
    def query(self) -> dict[str, str]:
        needs_run = any(field.name == "runId" for field in self.endpoint.query)
        return {"runId": "r"} if needs_run else {}

    async def send(self, client: httpx.AsyncClient, headers: Any = None) -> httpx.Response:
        """Send it."""
        body = None if self.endpoint.body is None else BODY
        return await client.request(
            self.endpoint.method, self.path, params=self.query, json=body, headers=headers
        )

    def __str__(self) -> str:
        return f"{self.endpoint.method} {self.endpoint.path}"


ALL = [Visit(endpoint) for endpoint in all_endpoints()]
PROTECTED = [visit for visit in ALL if not visit.endpoint.is_public]
ABOUT_RUNS = [
    visit
    for visit in PROTECTED
    if "{run_id}" in visit.endpoint.path
    or any(field.name == "runId" for field in visit.endpoint.query)
]
PUBLIC_PATHS = {"/", "/health", "/ready", "/login", "/static/{name}", "/api/auth/capabilities"}
