"""The contract of authenticators, which say who sends a request to an HTTP server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Literal

import attrs

AccessScope = Literal["read", "start", "answer", "admin"]
"""What a principal may do: see runs; start, cancel, fork and retry them; answer them and send
them events; everything, which includes deleting and draining runs."""

ALL_SCOPES: frozenset[AccessScope] = frozenset({"read", "start", "answer", "admin"})


def _as_scopes(given: Iterable[AccessScope]) -> frozenset[AccessScope]:
    return frozenset(given)


def _as_set(given: Iterable[str]) -> frozenset[str]:
    return frozenset(given)


@attrs.frozen
class Principal:
    """The user or program that sends a request, and what it may do."""

    name: str
    """Recorded as ``by`` with everything that it starts, answers, sends and cancels."""
    scopes: frozenset[AccessScope] = attrs.field(default=ALL_SCOPES, converter=_as_scopes)
    resources: frozenset[str] | None = attrs.field(
        default=None, converter=attrs.converters.optional(_as_set)
    )
    """Ids of the resources whose runs it may see and control. None: all runs, including those
    without a resource."""

    def may(self, scope: AccessScope) -> bool:
        """Return whether it has a scope; ``"admin"`` includes the others."""
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, resource_id: str | None) -> bool:
        """Return whether it may see the runs of a resource."""
        return self.resources is None or resource_id in self.resources


@attrs.frozen(kw_only=True)
class AccessRequest:
    """The part of an HTTP request that says who sends it."""

    method: str
    path: str
    """The path below the server's base path, decoded."""
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    """Names are in lower case. Several headers of one name are joined by ``", "``."""
    client: str | None = None
    """Address of the client, or of the last proxy, if known."""


class Authenticator(ABC):
    """Says who sends a request. Returned by the hook ``trioflow_authenticator``."""

    @abstractmethod
    async def principal(self, request: AccessRequest) -> Principal | None:
        """Return who sends a request, or None if that is unknown and it must be refused.

        Called for each request to a protected route, concurrently. If it raises, the request is
        refused as well, and the error is logged.

        **Cancellation**: possible at any time, as the client may leave.
        """
