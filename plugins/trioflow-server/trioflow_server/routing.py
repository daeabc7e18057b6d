"""Finds the endpoint of a request."""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs
from starlette.routing import compile_path

from trioflow_server.endpoints import Endpoint
from trioflow_server.intake import Scope


@attrs.frozen(init=False)
class Router:
    """Endpoints in the order in which they are tried."""

    endpoints: tuple[Endpoint, ...]
    _patterns: tuple[tuple[re.Pattern[str], Endpoint], ...]

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        found = tuple(endpoints)
        patterns = tuple((compile_path(each.path)[0], each) for each in found)
        self.__attrs_init__(found, patterns)

    def find(self, scope: Scope) -> Endpoint | None:
        """Return the endpoint of a request, and put the parameters of its path into the scope."""
        path, method = scope["trioflow.path"], scope["method"]
        method = "GET" if method == "HEAD" else method
        for pattern, endpoint in self._patterns:
            match = pattern.match(path) if path is not None else None
            if match and endpoint.method == method:
                scope["path_params"] = match.groupdict()
                return endpoint
        return None
