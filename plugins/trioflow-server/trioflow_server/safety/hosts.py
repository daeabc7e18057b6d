"""Refuses requests for names that are not ours, and from pages of other origins.

A page of another site can have the browser send requests to this machine, also under a name of its
own that resolves to it (DNS rebinding). Both are told by headers that such a page cannot set.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

from trioflow_server.options import LOCAL_HOSTS, ServerOptions
from trioflow_server.problems import Problem

ALLOWED_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS = (
    "Content-Type, Authorization, Idempotency-Key, Last-Event-ID, "
    "x-mastra-client-type, x-mastra-dev-playground, traceparent, tracestate"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@attrs.frozen
class Origins:
    """Which names and origins a server answers to."""

    options: ServerOptions

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Check the name that a request is for.

        Raises:
          Problem: if it is not a name of this server.
        """
        name = _name_of(headers.get("host", ""))
        allowed = {*LOCAL_HOSTS, *map(str.lower, self.options.allowed_hosts)}
        if "*" not in allowed and name not in allowed:
            problem = "This server does not have that name; allow it with --allowed-host"
            raise Problem(421, problem, "unknown-host")

    def check_origin(self, method: str, headers: Mapping[str, str]) -> None:
        """Check which page sends a request.

        Raises:
          Problem: if it is a page of another origin that is not allowed.
        """
        origin = headers.get("origin")
        if origin is None:
            self._check_site(method, headers)
        elif not self.allows(origin) and not _is_same(origin, headers.get("host", "")):
            problem = "Pages of this origin may not use the server; allow it with --cors-origin"
            raise Problem(403, problem, "cross-origin")

    def _check_site(self, method: str, headers: Mapping[str, str]) -> None:
        is_foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        is_link = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
        if is_foreign and not is_link:
            raise Problem(403, "Pages of other origins may not use the server", "cross-origin")

    def allows(self, origin: str) -> bool:
        """Return whether pages of an origin may use the server."""
        return origin.lower().rstrip("/") in {
            each.lower().rstrip("/") for each in self.options.cors_origins
        }

    def headers(self, origin: str | None) -> dict[str, str]:
        """Return the headers that let a page of an allowed origin read an answer."""
        if origin is None or not self.allows(origin):
            return {"vary": "Origin"} if self.options.cors_origins else {}
        return {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": "traceparent, x-request-id",
            "vary": "Origin",
        }

    def preflight(self, origin: str | None) -> dict[str, str]:
        """Return the headers that answer whether a page may send a request."""
        headers = self.headers(origin)
        if origin is not None and self.allows(origin):
            headers |= {
                "access-control-allow-methods": ALLOWED_METHODS,
                "access-control-allow-headers": ALLOWED_HEADERS,
                "access-control-max-age": "3600",
            }
        return headers


def _name_of(host: str) -> str:
    """Return a ``Host`` header without its port, in lower case."""
    name, colon, port = host.strip().lower().rpartition(":")
    if colon and port.isdigit():
        return name
    return host.strip().lower().rstrip(":")


def _is_same(origin: str, host: str) -> bool:
    """Return whether an origin is that of the server itself, behind a proxy with TLS or not."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    port = _DEFAULT_PORTS.get(parts.scheme)
    if port is None or parts.path.strip("/"):
        return False
    wanted = host.strip().lower()
    return parts.netloc.lower() in (wanted, wanted.removesuffix(f":{port}"))
