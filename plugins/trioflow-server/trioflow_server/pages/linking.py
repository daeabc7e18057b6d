"""Paths of pages. Any id can be in one, also one with a slash."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def run_path(run_id: str, **query: object) -> str:
    """Return the path of a run's page, below the root."""
    return _path("/runs/", run_id, query)


def workflow_path(workflow_id: str, **query: object) -> str:
    """Return the path of a workflow's page, below the root."""
    return _path("/workflows/", workflow_id, query)


def runs_path(**query: object) -> str:
    """Return the path of a list of runs, below the root."""
    return "/" + _query(query)


def _path(prefix: str, id: str, query: dict[str, object]) -> str:
    # Browsers and proxies rewrite paths with dots and slashes, so such an id is a parameter.
    is_plain = "/" not in id and "\\" not in id and bool(id.strip("."))
    if not is_plain:
        return prefix + _query({"id": id, **query})
    return prefix + quote(id, safe="") + _query(query)


def _query(query: dict[str, object]) -> str:
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"?{urlencode(given)}" if given else ""
