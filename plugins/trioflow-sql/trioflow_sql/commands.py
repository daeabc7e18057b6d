"""The command ``backup``. It imports its dependencies when it is called."""

from __future__ import annotations


async def backup(file: str, /, *, store: str | None = None) -> None:
    """Copy a SQLite database to a new file, also while it is in use.

    The copy is consistent: it contains everything that was committed when the command
    started. Later commits are included completely or not at all.

    Parameters
    ----------
    file
        The file to create. It must not exist.
    store
        The store to copy, such as sqlite:runs.db. Default: TRIOFLOW_STORE.
    """
    from trioflow.commands import find_store_url
    from trioflow_sql.store import SqlStore

    async with SqlStore(find_store_url(store)).read_only() as opened:
        await opened.backup(file)
