"""The interface that both databases implement.

Everything here blocks and runs in threads. Transactions begin and end in `transact`, except
appends: these are the most frequent, and each database has its own fast path for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from trioflow.abc import Append, StoredRun
from trioflow.errors import JournalConflictError, StoreError

if TYPE_CHECKING:
    from trioflow_sql.taking import Wish

T = TypeVar("T")

READERS = 4
"""Maximum number of reader threads, and so of connections for reading."""
CONNECTIONS = READERS + 1
"""One more for the writer."""
PATIENCE = 5.0
"""Default for the seconds to wait for a lock that another process holds."""


@attrs.frozen
class Diagnosis:
    """A problem with the database: its description, and whether it may pass."""

    problem: str
    transient: bool


class Presence(ABC):
    """Shows other processes that an owner lives, and notifies the owner of requests."""

    poll: float
    """Seconds after which `look` must be called again, unless it rings before."""

    @abstractmethod
    def look(self) -> bool:
        """Return whether there may be requests that have not been taken."""

    @abstractmethod
    def look_for_work(self) -> bool:
        """Return whether there may be runs to take that this did not return True for before."""

    @abstractmethod
    def taking(self) -> None:
        """Note that the current requests are about to be taken."""

    @abstractmethod
    def close(self) -> None:
        """End the presence of the owner."""


class Database(ABC):
    """A database with a URL."""

    name: str
    """The URL without password and options, as shown in messages."""
    patience: float
    """Seconds to wait for a lock that another process holds."""
    read_only: bool
    """Whether nothing may be written or created."""
    refusal = "is open for reading only"
    """The error message for attempts to write to a read-only database."""
    ddl: Mapping[str, str]
    """The parts of migrations that differ between databases."""

    has_own_clock = False
    """Whether the database is on a machine of its own, whose clock counts."""

    def __init__(self, name: str, patience: float, read_only: bool) -> None:
        self.name = name
        self.patience = patience
        self.read_only = read_only

    # ------------------------------------------------------------ connections
    @abstractmethod
    def make_engines(self) -> tuple[Engine, Engine]:
        """Return engines for reading and for writing that are not connected yet.

        When reading, each statement sees all committed data. Writes use transactions.

        Raises:
          ImportError: if the driver is not installed.
        """

    @abstractmethod
    def prepare(self, connection: Connection) -> None:
        """Apply persistent settings, and check that the database is suitable.

        Called for the first connection, outside of transactions.

        Raises:
          StoreError: if it is not suitable.
        """

    def check(self) -> None:  # noqa: B027 - only files can be replaced
        """Check that the database is still the one that was opened.

        Called before and after each transaction.

        Raises:
          StoreError: if it is not.
        """

    def close(self) -> None:  # noqa: B027 - not all need it
        """Close connections that do not belong to the engines."""

    @abstractmethod
    def lock_schema(self, connection: Connection) -> None:
        """Block concurrent writes and migrations until the transaction ends."""

    # ------------------------------------------------------------ statements
    @abstractmethod
    def insert(self, table: Any) -> postgresql.Insert | sqlite.Insert:
        """Return an insert of the dialect, which can skip existing rows."""

    @abstractmethod
    def append(
        self, writer: Engine, appends: Sequence[Append]
    ) -> Sequence[JournalConflictError | None]:
        """Execute appends that the database can store, in their own transaction."""

    @abstractmethod
    def claim_next(self, reader: Engine, writer: Engine, wish: Wish) -> list[StoredRun]:
        """Claim runs in one transaction; see `trioflow.abc.WorkStore.claim_next`."""

    @abstractmethod
    def lock_line(self, connection: Connection, limit: str) -> None:
        """Block others from changing the line of a limit until the transaction ends."""

    @abstractmethod
    def notify(self, connection: Connection, owner: str | None) -> None:
        """Wake an owner, or all of them, when the transaction is committed."""

    # ------------------------------------------------------------ owners
    @abstractmethod
    def gone(self, connection: Connection, owners: Collection[str]) -> set[str]:
        """Return the owners whose processes are certainly dead."""

    @abstractmethod
    def open_presence(
        self,
        owner: str,
        ring: Callable[[], None],
        ring_work: Callable[[], None],
        writer: Engine,
    ) -> Presence:
        """Show other processes that an owner lives.

        Args:
          ring: Called, in any thread, when there may be requests to take.
          ring_work: The same for runs to take.
        """

    # ------------------------------------------------------------ housekeeping
    def shrink(self, writer: Engine, thoroughly: bool) -> None:  # noqa: B027 - not all need it
        """Return free storage to the system: all of it, or only if there is much."""

    @abstractmethod
    def copy(self, reader: Engine, path: Path) -> None:
        """Write a consistent copy to a file that does not exist yet.

        Raises:
          StoreError: if that is not possible.
        """

    # ------------------------------------------------------------ errors
    @abstractmethod
    def driver_error(self) -> type[Exception]:
        """Return the base class of the driver's errors."""

    @abstractmethod
    def diagnose(self, error: BaseException) -> Diagnosis:
        """Return the diagnosis of an error of the driver."""

    def fault(self, error: Exception) -> StoreError | None:
        """Return the error to raise for one of SQLAlchemy or the driver; None for others."""
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
    """Call *work* in one transaction and commit it.

    Pooled connections may die unnoticed: the server was restarted, or a firewall dropped
    them. The first use of such a connection fails and has no effect, so *work* is called
    once more, on a new connection. If a connection is lost during the commit, an error is
    always raised, because it is unknown whether the server committed.
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
    """Return the first line of an error's message, without the details that follow it."""
    return (str(error).splitlines() or [""])[0]


def batches(items: Sequence[T], size: int = 1000) -> Iterator[Sequence[T]]:
    """Yield *items* in parts. Both databases limit the number of parameters of a statement."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
