"""The implementation of `Database` for PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.dialects import postgresql

from trioflow.abc import Append, StoredRun
from trioflow.errors import JournalConflictError, StoreError
from trioflow_sql.database import CONNECTIONS, Database, Diagnosis, Presence, transact
from trioflow_sql.migrations import check_readable
from trioflow_sql.postgresql.dead import GONE
from trioflow_sql.postgresql.trouble import diagnose
from trioflow_sql.postgresql.urls import parse, shown, take_grace

if TYPE_CHECKING:
    import psycopg

    from trioflow_sql.postgresql.single import SingleAppender
    from trioflow_sql.taking import Wish

CONNECT_ARGS = {
    "application_name": "trioflow",
    "connect_timeout": "10",
    # A peer that vanished is detected after half a minute, not after hours.
    "keepalives_count": "3",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "tcp_user_timeout": "30000",
}
"""Default parameters of connections; the URL may override them."""

SCHEMA_LOCK = 0x7472696F666C6F77
"""The key of the advisory lock for migrations: "trioflow" in ASCII."""

DDL = MappingProxyType(
    {
        # Ids sort by code point, as in Python and SQLite, regardless of the database's locale.
        "text": 'TEXT COLLATE "C"',
        "integer": "BIGINT",
        "real": "DOUBLE PRECISION",
        "key": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "id": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "clustered": "",
        "changing": "WITH (fillfactor = 70)",  # room for updated rows on the same page
        # Unlogged: its rows describe sessions, which do not survive a crash either.
        "owners": """
            CREATE UNLOGGED TABLE trioflow_owners (
              owner TEXT COLLATE "C" NOT NULL PRIMARY KEY,
              lock_key BIGINT NOT NULL,
              grace DOUBLE PRECISION NOT NULL,
              lives_until DOUBLE PRECISION NOT NULL
            ) WITH (fillfactor = 50)
        """,
    }
)

LOCK_LINE = text("SELECT pg_advisory_xact_lock(hashtextextended(:limit, :seed))")
NOTIFY = text("SELECT pg_notify('trioflow', :owner)")


class Postgresql(Database):
    """A database on a server. The tables are in the first schema of the search path."""

    ddl: Mapping[str, str] = DDL
    has_own_clock = True

    def __init__(self, url: str, patience: float, grace: float, read_only: bool = False) -> None:
        self._url, self._grace = take_grace(parse(url), grace)
        self._trusted = 0.0
        self._appender: SingleAppender | None = None
        super().__init__(shown(self._url), patience, read_only)

    # ------------------------------------------------------------ connections
    def make_engines(self) -> tuple[Engine, Engine]:
        engine = create_engine(
            self._url,
            pool_size=CONNECTIONS,
            max_overflow=0,
            hide_parameters=True,
            connect_args=self._defaults(),
        )
        event.listen(engine, "connect", self._set_up)
        return (
            # Avoids the messages that begin and end a transaction.
            engine.execution_options(isolation_level="AUTOCOMMIT"),
            # A claim, and the lock on a run, must see data that was committed while they waited.
            engine.execution_options(isolation_level="READ COMMITTED"),
        )

    def _defaults(self) -> dict[str, str]:
        return {key: CONNECT_ARGS[key] for key in CONNECT_ARGS.keys() - self._url.query.keys()}

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
        if self.read_only:
            connection.execute("SET default_transaction_read_only = on")
        connection.autocommit = False

    def prepare(self, connection: Connection) -> None:
        from trioflow_sql.postgresql.pooler import check_direct

        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            problem = f"its encoding is {encoding}, which cannot store all strings"
            raise StoreError(self.name, f"{problem}; create a database with encoding UTF8")
        driver: Any = connection.connection.driver_connection
        check_direct(self.name, driver, self._connect)
        if self.read_only:
            check_readable(self, connection)

    def _connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Return a connection outside of the pool."""
        import psycopg
        from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

        dialect: Any = PGDialect_psycopg
        _, said = dialect().create_connect_args(self._url)
        return psycopg.connect(**{**self._defaults(), **said, **options})

    def close(self) -> None:
        if self._appender is not None:
            self._appender.close()

    def lock_schema(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")
        if connection.dialect.has_table(connection, "trioflow_schema"):
            connection.exec_driver_sql("LOCK TABLE trioflow_schema IN ACCESS EXCLUSIVE MODE")

    # ------------------------------------------------------------ statements
    def insert(self, table: Any) -> postgresql.Insert:
        return postgresql.insert(table)

    def append(
        self, writer: Engine, appends: Sequence[Append]
    ) -> Sequence[JournalConflictError | None]:
        from trioflow_sql.postgresql.appending import append_all
        from trioflow_sql.postgresql.single import SingleAppender, is_single

        if not is_single(appends):
            return append_all(self.name, writer, appends)
        if self._appender is None:
            self._appender = SingleAppender(self.name, self._connect_to_append)
        return [self._appender.append(appends[0])]

    def _connect_to_append(self) -> psycopg.Connection[Any]:
        connection = self._connect()
        try:
            self._set_up(connection, None)
            connection.autocommit = True
            connection.execute("SET default_transaction_isolation = 'read committed'")
        except BaseException:
            connection.close()
            raise
        return connection

    def lock_line(self, connection: Connection, limit: str) -> None:
        connection.execute(LOCK_LINE, {"limit": limit, "seed": SCHEMA_LOCK})

    def notify(self, connection: Connection, owner: str | None) -> None:
        connection.execute(NOTIFY, {"owner": owner or ""})

    def claim_next(self, reader: Engine, writer: Engine, wish: Wish) -> list[StoredRun]:
        from trioflow_sql.postgresql.taking import take

        trusted = time.monotonic() >= self._trusted
        # The connections for reading commit each statement.
        return transact(reader, partial(take, self.name, wish, trusted))

    # ------------------------------------------------------------ owners
    def gone(self, connection: Connection, owners: Collection[str]) -> set[str]:
        if time.monotonic() < self._trusted:
            return set()
        return set(connection.execute(GONE, {"owners": list(owners)}).scalars())

    def open_presence(
        self,
        owner: str,
        ring: Callable[[], None],
        ring_work: Callable[[], None],
        writer: Engine,
    ) -> Presence:
        from trioflow_sql.postgresql.session import CONNECT_SECONDS, Session

        def connect() -> psycopg.Connection[Any]:
            return self._connect(connect_timeout=CONNECT_SECONDS)

        session = Session(owner, self._grace, connect, ring, ring_work, self._distrust)
        session.open(self.name)
        return session

    def _distrust(self, seconds: float) -> None:
        """Draw no conclusions from missing sessions for some seconds."""
        self._trusted = time.monotonic() + seconds

    # ------------------------------------------------------------ housekeeping
    def copy(self, reader: Engine, path: Path) -> None:
        raise StoreError(self.name, "is on a server; use pg_dump for a copy")

    # ------------------------------------------------------------ errors
    def driver_error(self) -> type[Exception]:
        import psycopg

        return psycopg.Error

    def diagnose(self, error: BaseException) -> Diagnosis:
        return diagnose(error, secret=self._url.password)
