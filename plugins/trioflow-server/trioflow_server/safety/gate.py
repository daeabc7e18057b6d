"""Lets a request in, or says why not: who sends it, and what that principal may do."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import attrs
from starlette.requests import Request

from trioflow.abc import AccessRequest, Authenticator, Principal
from trioflow_server.calls import NOBODY
from trioflow_server.endpoints import Endpoint
from trioflow_server.problems import Problem
from trioflow_server.safety.sessions import Sessions

ANYBODY = Principal("anonymous")
"""Who sends requests to a server without authentication."""
logger = logging.getLogger("trioflow.server")


@attrs.frozen
class Gate:
    """Decides which requests are let in."""

    authenticator: Authenticator | None
    sessions: Sessions | None
    allow_unauthenticated: bool

    async def admit(self, request: Request, endpoint: Endpoint) -> Principal:
        """Return who sends a request to an endpoint.

        Raises:
          Problem: if that is unknown, or the principal may not do it.
        """
        principal = await self.identify(request)
        if endpoint.is_public:
            return principal or NOBODY
        if principal is None:
            headers = {"www-authenticate": 'Bearer realm="trioflow"'}
            raise Problem(401, "Authentication is needed", "unauthenticated", (), headers)
        missing = [scope for scope in endpoint.needs if not principal.may(scope)]
        if missing:
            raise Problem(403, f"This needs the scope {missing[0]!r}", "forbidden")
        return principal

    async def identify(self, request: Request) -> Principal | None:
        """Return who sends a request, or None if that is unknown."""
        if self.authenticator is None:
            return ANYBODY if self.allow_unauthenticated else None
        if self.sessions is not None:
            principal = self.sessions.find(request)
            if principal is not None:
                return principal
        try:
            return await self.authenticator.principal(access_request(request))
        except Exception:
            logger.exception("the authenticator failed, so a request was refused")
            return None


def access_request(request: Request) -> AccessRequest:
    """Return what authenticators see of a request."""
    client = request.client
    return AccessRequest(
        method=request.method,
        path=request.scope["trioflow.path"],
        query=request.scope.get("query_string", b"").decode("latin-1"),
        headers=headers_of(request.scope.get("headers", ())),
        client=client.host if client else None,
    )


def headers_of(raw: object) -> Mapping[str, str]:
    """Return headers by name in lower case; several of one name are joined."""
    found: dict[str, str] = {}
    for name, value in raw:  # type: ignore[attr-defined]
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        separator = "; " if key == "cookie" else ", "
        found[key] = f"{found[key]}{separator}{text}" if key in found else text
    return found
