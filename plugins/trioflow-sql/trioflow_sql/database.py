"""What the two databases have in common, and where they differ.

Everything here blocks and runs in threads. `transact` is the only place where transactions
begin and end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from trioflow.errors import StoreError

T = TypeVar("T")

READERS = 4
"""How many threads, and so connections, may read at once."""
CONNECTIONS = READERS + 1
"""One more for the writer."""
PATIENCE = 5.0
"""Seconds to wait for a lock that somebody else holds, unless told otherwise."""


@attrs.frozen
class Diagnosis:
    """What is wrong with the database, for a person and for a program."""

    problem: str
    transient: bool


class Database(ABC):
    """One of the databases, at one place."""

    name: str
    """How the URL is shown: without password and options."""
    patience: float
    """Seconds to wait for a lock that somebody else holds."""
    reading: Mapping[str, Any]
    """Execution options of connections that only read. Each statement sees what is committed."""
    writing: Mapping[str, Any]
    """Execution options of connections that write, in transactions."""
    ddl: Mapping[str, str]
    """What the migrations have to say differently."""

    def __init__(self, name: str, patience: float) -> None:
        self.name = name
        self.patience = patience

    @abstractmethod
    def make_engine(self) -> Engine:
        """Return an engine that has not connected yet.

        Raises:
          ImportError: if the driver is not installed.
        """

    @abstractmethod
    def prepare(self, connection: Connection) -> None:
        """Make lasting settings, and find out whether the database is fit for us.

        Called for the first connection, outside of transactions.

        Raises:
          StoreError: if it is not.
        """

    @abstractmethod
    def lock_schema(self, connection: Connection) -> None:
        """Have others wait that want to migrate, until the transaction ends."""

    @abstractmethod
    def insert(self, table: Any) -> postgresql.Insert | sqlite.Insert:
        """Return an insert of the dialect, which can leave out rows that exist."""

    @abstractmethod
    def diagnose(self, error: DBAPIError) -> Diagnosis:
        """Tell what is behind an error of the driver."""

    def fault(self, error: SQLAlchemyError) -> StoreError:
        """Return what to raise for an error of SQLAlchemy or the driver."""
        if not isinstance(error, DBAPIError):
            return StoreError(self.name, f"{type(error).__name__}: {first_line(error)}")
        diagnosis = self.diagnose(error)
        return StoreError(self.name, diagnosis.problem, diagnosis.transient)


def transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Do *work* in one transaction and commit it.

    Connections wait in a pool, where they may die unnoticed: the server was started again, or
    a firewall forgot them. This is found out by using one, and then nothing has been done, so
    *work* is called once more, on a new one. A connection that is lost during the commit is an
    error in any case, because it is not known whether the server has done it.
    """
    try:
        return _try(engine, work)
    except _DeadConnectionError:
        pass
    try:
        return _try(engine, work)
    except _DeadConnectionError as dead:
        raise dead.error from None


def _try(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect() as connection:
        try:
            result = work(connection)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise _DeadConnectionError(error) from None
            raise
        connection.commit()
        return result


@attrs.define(eq=False)
class _DeadConnectionError(Exception):
    error: DBAPIError


def first_line(error: BaseException) -> str:
    """Return what an error says, without the details that follow it."""
    return (str(error).splitlines() or [""])[0]


def batches(items: Sequence[T], size: int = 1000) -> Iterator[Sequence[T]]:
    """Yield *items* in parts. Both databases limit how many parameters a statement has."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
