"""PostgreSQL: a server that processes on many machines may use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from trioflow.errors import StoreError
from trioflow_sql.database import CONNECTIONS, Database, Diagnosis, first_line

TRANSIENT = {
    "25P03",  # idle in a transaction for too long
    "40001",  # could not serialize
    "40P01",  # deadlock
    "53300",  # too many connections
    "55P03",  # lock not available in time
    "57014",  # canceled, for example by a time-out for statements
    "57P01",  # terminated by an administrator
    "57P02",  # another process of the server crashed
    "57P03",  # starting up
    "57P05",  # idle for too long
}
"""Error codes after which another try may help, beside those of class 08: connections."""

REFUSALS = (
    "authentication failed",
    "does not exist",
    "is not currently accepting connections",  # this database, not the server
    "is not permitted to log in",
    "no pg_hba.conf entry",
    "permission denied",
)
"""How a server says "never" to who connects. It sends a code, but libpq keeps it to itself."""

CONNECT_ARGS = {
    "application_name": "trioflow",
    "connect_timeout": "10",
    # A peer that is gone without a word is noticed after half a minute, not after hours.
    "keepalives_count": "3",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "tcp_user_timeout": "30000",
}
"""Parameters of connections that the URL may set otherwise."""

SCHEMA_LOCK = 0x7472696F666C6F77
"""What those lock who migrate: "trioflow"."""


class Postgresql(Database):
    """A database of a server. Our tables lie in the first schema of the search path."""

    # Saves the messages that begin and end a transaction.
    reading: Mapping[str, Any] = MappingProxyType({"isolation_level": "AUTOCOMMIT"})
    # A claim, and the lock on a run, must see what was committed while they waited.
    writing: Mapping[str, Any] = MappingProxyType({"isolation_level": "READ COMMITTED"})
    # Ids sort by code point, as in Python and SQLite, whatever the language of the database.
    ddl: Mapping[str, str] = MappingProxyType(
        {"text": 'TEXT COLLATE "C"', "integer": "BIGINT", "real": "DOUBLE PRECISION"}
    )

    def __init__(self, url: str, patience: float) -> None:
        self._url = parse(url)
        super().__init__(shown(self._url), patience)

    def make_engine(self) -> Engine:
        defaults = {key: CONNECT_ARGS[key] for key in CONNECT_ARGS.keys() - self._url.query.keys()}
        engine = create_engine(
            self._url,
            pool_size=CONNECTIONS,
            max_overflow=0,
            hide_parameters=True,
            connect_args=defaults,
        )
        event.listen(engine, "connect", self._set_up)
        return engine

    def _set_up(self, connection: Any, record: object) -> None:
        connection.autocommit = True
        for setting, unset, value in (
            ("lock_timeout", "0", f"{self.patience * 1000:.0f}ms"),
            ("synchronous_commit", "off", "on"),  # or a commit may be lost in a crash
        ):
            connection.execute(
                "SELECT set_config(%s, %s, false) WHERE current_setting(%s) = %s",
                (setting, value, setting, unset),
            )
        connection.autocommit = False

    def prepare(self, connection: Connection) -> None:
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            problem = f"its encoding is {encoding}, which cannot hold all text"
            raise StoreError(self.name, f"{problem}; create a database with encoding UTF8")

    def lock_schema(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")

    def insert(self, table: Any) -> postgresql.Insert:
        return postgresql.insert(table)

    def diagnose(self, error: DBAPIError) -> Diagnosis:
        code: str | None = getattr(error.orig, "sqlstate", None)
        problem = first_line(error.orig or error)
        if self._url.password:
            problem = problem.replace(str(self._url.password), "***")
        if code is None:
            refused = any(phrase in problem for phrase in REFUSALS)
            return Diagnosis(problem, isinstance(error, OperationalError) and not refused)
        return Diagnosis(f"{problem} ({code})", code.startswith("08") or code in TRANSIENT)


def parse(url: str) -> URL:
    """Return the parts of a URL, with the driver that we use.

    Raises:
      StoreError: if it cannot be read, or can be read in two ways. Nothing of the URL but the
        scheme is in it, since any part may be one of a password.
    """
    scheme = url.partition(":")[0]
    if url.count("@") > 1:
        problem = "has more than one @; write those in user name and password as %40"
        raise StoreError(f"{scheme}:", problem)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        problem = "cannot be read; write postgresql://user:password@host:5432/database"
        raise StoreError(f"{scheme}:", problem) from None
    password = parsed.query.get("password", parsed.password)
    return parsed.difference_update_query(["password"]).set(
        drivername="postgresql+psycopg",
        password=password if isinstance(password, str) else None,
    )


def shown(url: URL) -> str:
    """Return a URL as it may be shown: without password and options."""
    return URL.create(
        "postgresql", url.username, host=url.host, port=url.port, database=url.database
    ).render_as_string()
