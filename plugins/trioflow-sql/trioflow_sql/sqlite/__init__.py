"""SQLite: a file that several processes of one machine may use at once."""

from trioflow_sql.sqlite.database import Sqlite

__all__ = ["Sqlite"]
