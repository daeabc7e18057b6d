"""PostgreSQL: a server that processes on many machines may use."""

from trioflow_sql.postgresql.database import Postgresql

__all__ = ["Postgresql"]
