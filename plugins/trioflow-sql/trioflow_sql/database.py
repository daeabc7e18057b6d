"""What the two databases have in common, and where they differ.

Everything here blocks and runs in threads. Transactions begin and end in `transact`, but for
those that append: they are most of all, and each database has its own short way for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from trioflow.abc import Append
from trioflow.errors import JournalConflictError, StoreError

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


class Presence(ABC):
    """How other processes know that an owner lives, and how it hears of requests."""

    poll: float
    """Seconds after which `look` has to be called again, if nothing has rung by itself."""

    @abstractmethod
    def look(self) -> bool:
        """Tell whether there may be requests that have not been taken."""

    @abstractmethod
    def taking(self) -> None:
        """Take note that what there is now is about to be taken."""

    @abstractmethod
    def close(self) -> None:
        """Let the owner be gone."""


class Database(ABC):
    """One of the databases, at one place."""

    name: str
    """How the URL is shown: without password and options."""
    patience: float
    """Seconds to wait for a lock that somebody else holds."""
    read_only: bool
    """Whether nothing is to be written, or made."""
    refusal = "is open for reading only"
    """What is said to who would write then."""
    ddl: Mapping[str, str]
    """What the migrations have to say differently."""

    def __init__(self, name: str, patience: float, read_only: bool) -> None:
        self.name = name
        self.patience = patience
        self.read_only = read_only

    # ------------------------------------------------------------ connections
    @abstractmethod
    def make_engines(self) -> tuple[Engine, Engine]:
        """Return engines for reading and for writing that have not connected yet.

        Reading, each statement sees what is committed. Writing is done in transactions.

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

    def check(self) -> None:  # noqa: B027 - only files can be taken away
        """Check that the database is still the one that was opened.

        Called before and after each transaction.

        Raises:
          StoreError: if it is not.
        """

    def close(self) -> None:  # noqa: B027 - not all need it
        """Close connections that are not of the engines."""

    @abstractmethod
    def lock_schema(self, connection: Connection) -> None:
        """Have all wait that want to write or migrate, until the transaction ends."""

    # ------------------------------------------------------------ statements
    @abstractmethod
    def insert(self, table: Any) -> postgresql.Insert | sqlite.Insert:
        """Return an insert of the dialect, which can leave out rows that exist."""

    @abstractmethod
    def append(
        self, writer: Engine, appends: Sequence[Append]
    ) -> Sequence[JournalConflictError | None]:
        """Do appends that the database can hold, in a transaction of their own."""

    @abstractmethod
    def notify(self, connection: Connection, owner: str | None) -> None:
        """Wake an owner, or all of them, when the transaction is committed."""

    # ------------------------------------------------------------ owners
    @abstractmethod
    def gone(self, connection: Connection, owners: Collection[str]) -> set[str]:
        """Return those of the owners whose processes are certainly dead."""

    @abstractmethod
    def open_presence(self, owner: str, ring: Callable[[], None], writer: Engine) -> Presence:
        """Let others know that an owner lives.

        Args:
          ring: Called, in any thread, when there may be something to take.
        """

    # ------------------------------------------------------------ housekeeping
    def shrink(self, writer: Engine, thoroughly: bool) -> None:  # noqa: B027 - not all need it
        """Give free storage back to the system: all, or only if there is much."""

    @abstractmethod
    def copy(self, reader: Engine, path: Path) -> None:
        """Make a consistent copy in a file that does not exist yet.

        Raises:
          StoreError: if that is not possible.
        """

    # ------------------------------------------------------------ trouble
    @abstractmethod
    def driver_error(self) -> type[Exception]:
        """Return the base class of what the driver raises."""

    @abstractmethod
    def diagnose(self, error: BaseException) -> Diagnosis:
        """Tell what is behind an error of the driver."""

    def fault(self, error: Exception) -> StoreError | None:
        """Return what to raise for an error of SQLAlchemy or the driver; None if it is neither."""
        if isinstance(error, DBAPIError):
            diagnosis = self.diagnose(error.orig or error)
        elif isinstance(error, SQLAlchemyError):
            diagnosis = Diagnosis(f"{type(error).__name__}: {first_line(error)}", False)
        elif isinstance(error, self.driver_error()):
            diagnosis = self.diagnose(error)
        else:
            return None
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
