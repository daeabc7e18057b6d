"""SQLite: a file that several processes of one machine can use at the same time."""

from trioflow_sql.sqlite.database import Sqlite

__all__ = ["Sqlite"]
