"""A trioflow plugin that saves the journals of runs in SQLite or PostgreSQL.

The functions at the end are its hooks: trioflow finds this module by the entry point in
pyproject.toml and calls them when an engine is opened with a store.
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
"""Prefixes of the URLs that this plugin opens."""


def __getattr__(name: str) -> Any:
    # SQLAlchemy takes longer to import than all of trioflow, and every engine imports this
    # module, even without a store.
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
    """Return the schemes of the databases."""
    return ["sqlite", "postgresql"]


@hookimpl
def trioflow_store(url: str) -> Store | None:
    """Return a store for URLs of SQLite and PostgreSQL.

    Raises:
      StoreError: if the scheme is supported but the rest of the URL is invalid.
    """
    if not url.startswith(SCHEMES):
        return None
    from trioflow_sql.store import SqlStore  # only when it is needed, see above

    return SqlStore(url)
