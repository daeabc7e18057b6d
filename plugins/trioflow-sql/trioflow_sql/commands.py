"""The command that copies. What it needs is imported when it is called."""

from __future__ import annotations


async def backup(file: str, /, *, store: str | None = None) -> None:
    """Copy a SQLite database to a new file, also while it is in use.

    The copy is consistent: all that was recorded when the command began is in it, and of what
    was recorded later whole commits or nothing.

    Parameters
    ----------
    file
        The file to make. It must not exist.
    store
        What is copied, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    """
    from trioflow.commands import find_store_url
    from trioflow_sql.store import SqlStore

    async with SqlStore(find_store_url(store)).read_only() as opened:
        await opened.backup(file)
