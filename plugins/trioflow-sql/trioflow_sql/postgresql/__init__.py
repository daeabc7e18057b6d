"""PostgreSQL: a server that processes on many machines can use."""

from trioflow_sql.postgresql.database import Postgresql

__all__ = ["Postgresql"]
