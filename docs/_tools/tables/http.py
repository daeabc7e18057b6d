"""The routes of trioflow-server, from its table of endpoints."""

from __future__ import annotations

from collections.abc import Iterable

from trioflow_server.compat.routes import COMPATIBLE
from trioflow_server.endpoints import Endpoint
from trioflow_server.own.routes import OWN
from trioflow_server.seen.routes import SEEN

from _tools.tables import table
from trioflow import abc

SCOPES = {
    "read": "see workflows, tools, runs, events and measures",
    "start": "start, cancel, fork and retry runs; call exposed tools",
    "answer": "answer runs, and send them events",
    "admin": "everything, also recover, drain and delete",
}
EMPTY = "Say that there is none of it"


def routes() -> str:
    """Return the tables of all routes but the pages."""
    parts = [
        ("### Runs and events", OWN),
        ("### For operators", SEEN),
        ("### Compatible with Mastra", [each for each in COMPATIBLE if is_real(each)]),
    ]
    return "\n\n".join(f"{title}\n\n{rows(endpoints)}" for title, endpoints in parts)


def is_real(endpoint: Endpoint) -> bool:
    """Whether a route does something, and not only says that there is nothing."""
    return endpoint.handle.__name__ not in ("answer_empty", "capabilities")


def rows(endpoints: Iterable[Endpoint]) -> str:
    return table(
        ("method", "path", "what it does", "scope", "parameters, and keys of the body"),
        [
            (
                each.method,
                f"`{each.path}`",
                each.summary,
                ", ".join(each.needs) or "none",
                ", ".join(f"`{name}`" for name in names(each)),
            )
            for each in endpoints
        ],
    )


def names(endpoint: Endpoint) -> list[str]:
    """Return the names of what a route takes; some may be in the query or in the body."""
    return list(dict.fromkeys(field.name for field in (*endpoint.query, *(endpoint.body or ()))))


def scopes() -> str:
    """Return the table of scopes; a scope without a meaning here fails the build."""
    return table(
        ("scope", "permits"), [(f"`{name}`", SCOPES[name]) for name in sorted(abc.ALL_SCOPES)]
    )
