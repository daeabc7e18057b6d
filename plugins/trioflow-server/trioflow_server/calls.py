"""One request: who sends it, what it contains, and what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import attrs

from trioflow import Workflow
from trioflow.abc import AccessScope, Principal
from trioflow.tracing import TracingContext
from trioflow_server.decoding import Field, Query, read_context, read_fields, read_json
from trioflow_server.problems import Problem, workflow_not_found
from trioflow_server.safety.forms import check_form
from trioflow_server.safety.sessions import FORM_FIELD

MAX_FIELDS = 1_000
NOT_JSON = "The body must be JSON: send it with the header 'content-type: application/json'"
"""Most fields of a form."""
NOBODY = Principal("anonymous", scopes=(), resources=())
"""Who sends requests to routes that are open to all."""

if TYPE_CHECKING:
    from starlette.requests import Request

    from trioflow_server.endpoints import Endpoint
    from trioflow_server.intake import Intake
    from trioflow_server.seen.watching import Watched
    from trioflow_server.service import Service


@attrs.define(eq=False)
class Call:
    """One request that has been let in."""

    service: Service
    request: Request
    endpoint: Endpoint
    intake: Intake
    principal: Principal
    query: Query = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.query = Query(dict(self.request.query_params))

    @property
    def root(self) -> str:
        """What is in front of all paths of this application."""
        root: str = self.request.scope["root_path"]
        return root

    @property
    def is_known(self) -> bool:
        """Whether it is known who sends it; not so only at routes that are open to all."""
        return self.principal is not NOBODY

    @property
    def by(self) -> str:
        """Who sends it, for journals."""
        return self.principal.name

    def path(self, name: str) -> str:
        """Return a parameter of the path."""
        value: str = self.request.path_params[name]
        return value

    def workflow(self) -> Workflow[Any, Any]:
        """Return the workflow in the path.

        Raises:
          Problem: if it is not served.
        """
        found = self.service.engine.workflows.get(self.path("workflow_id"))
        if found is None:
            raise workflow_not_found()
        return found

    def need(self, scope: AccessScope) -> None:
        """Check what the principal may do.

        Raises:
          Problem: if it may not.
        """
        if not self.principal.may(scope):
            raise Problem(403, f"This needs the scope {scope!r}", "forbidden")

    async def body(self) -> dict[str, Any]:
        """Return the known keys of the JSON body.

        Raises:
          Problem: if it does not parse, does not arrive, or says that it is something else.
        """
        fields: tuple[Field, ...] = self.endpoint.body or ()
        return read_fields(await self.json(), fields)

    async def json(self) -> Any:
        """Return the JSON body; an empty object if there is none.

        Raises:
          Problem: as for `body`.
        """
        raw = await self.intake.body(self.service.options.limits.request_seconds)
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            return read_json(raw)
        if raw:  # a form of another site can send everything but this type
            raise Problem(400, NOT_JSON, "unsupported-media-type")
        return {}

    async def form(self, *, is_first: bool = False) -> dict[str, str]:
        """Return the fields of a form, after a check that a page of this server has sent it.

        Args:
          is_first: Whether it opens a session, and so needs to come from none.

        Raises:
          Problem: if it does not arrive, or another site has sent it.
        """
        raw = await self.intake.body(self.service.options.limits.request_seconds)
        text = raw.decode("utf-8", "replace")
        try:
            fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
        except ValueError as exc:
            raise Problem(400, "The form has too many fields", "invalid-form") from exc
        if not is_first:
            check_form(self.request, self.service.sessions, fields.get(FORM_FIELD, ""))
        return fields

    def tracing_context(self) -> TracingContext:
        """Return the position of this request in its caller's trace."""
        return self.watched.span.context()

    @property
    def watched(self) -> Watched:
        """The request as operators see it."""
        watched: Watched = self.request.scope["trioflow.watched"]
        return watched

    def query_context(self) -> dict[str, Any]:
        """Return the request context in the query."""
        given = self.query.text("requestContext") or self.query.text("runtimeContext")
        return read_context(given)
