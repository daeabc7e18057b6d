"""Keeps the journals of runs in SQLite or PostgreSQL, for trioflow.

The hooks at the end are the plugin: trioflow finds this module by the entry point in
pyproject.toml and asks it for a store when an engine is opened with one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trioflow import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trioflow.abc import Store
    from trioflow_sql.store import SqlStore

__all__ = ["SCHEMES", "SqlStore"]

SCHEMES = ("sqlite:", "postgresql:", "postgres:")
"""How the URLs begin that are ours."""


def __getattr__(name: str) -> Any:
    # SQLAlchemy takes longer to import than all of trioflow, and this module is imported by
    # every engine, also by those that keep nothing.
    if name == "SqlStore":
        from trioflow_sql.store import SqlStore

        return SqlStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def trioflow_commands(app: Any) -> None:
    """Add ``backup``."""
    from trioflow_sql.commands import backup

    app.command(backup)


@hookimpl
def trioflow_store_schemes() -> Iterable[str]:
    """Name the databases."""
    return ["sqlite", "postgresql"]


@hookimpl
def trioflow_store(url: str) -> Store | None:
    """Offer a store for URLs of SQLite and PostgreSQL.

    Raises:
      StoreError: if the URL has the right scheme but says nothing that can be opened.
    """
    if not url.startswith(SCHEMES):
        return None
    from trioflow_sql.store import SqlStore  # not before it is needed, see above

    return SqlStore(url)
