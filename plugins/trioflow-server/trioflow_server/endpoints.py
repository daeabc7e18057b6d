"""Endpoints: the routes of the server as values.

The application, the OpenAPI description and the tests that walk all routes are made from them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
from starlette.responses import Response

from trioflow.abc import AccessScope
from trioflow_server.decoding import Field

if TYPE_CHECKING:
    from trioflow_server.calls import Call

Handler: TypeAlias = "Callable[[Call], Awaitable[Response]]"
AnswerKind = Literal["json", "records", "events", "html", "file"]


@attrs.frozen(kw_only=True)
class Endpoint:
    """One method on one path."""

    method: str
    path: str
    """With parameters such as ``{workflow_id}``, below the base path."""
    handle: Handler
    needs: tuple[AccessScope, ...]
    """What a principal must be allowed to do; empty for routes that are open to all."""
    is_public: bool = False
    """Whether it answers without authentication."""
    summary: str
    query: tuple[Field, ...] = ()
    body: tuple[Field, ...] | None = None
    """The keys of its JSON body; None if it takes none."""
    answer: AnswerKind = "json"
    schema: dict[str, Any] = attrs.field(factory=dict)
    """JSON Schema of its JSON answer."""
    is_form: bool = False
    """Whether it takes a form of a page, which carries a token against forged requests."""


def under(prefix: str, *endpoints: Endpoint) -> tuple[Endpoint, ...]:
    """Return endpoints with a prefix in front of their paths."""
    return tuple(attrs.evolve(each, path=prefix + each.path) for each in endpoints)
