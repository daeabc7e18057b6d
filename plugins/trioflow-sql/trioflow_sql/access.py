"""Access to a database from tasks: run calls in threads, and convert errors to `StoreError`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import trio
from sqlalchemy import Connection

from trioflow.abc import Append
from trioflow.errors import JournalConflictError, StoreError
from trioflow_sql.database import READERS, Database
from trioflow_sql.opening import Opened, connect
from trioflow_sql.threads import NoThreadError, WriterThread, read_in_thread

T = TypeVar("T")


class Access:
    """A database that can be opened and closed, a writer thread, and reader threads."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._opened: Opened | None = None
        self._reading = trio.CapacityLimiter(READERS)
        self.writer = WriterThread()

    @property
    def name(self) -> str:
        """The name of the store in errors."""
        return self.database.name

    @property
    def opened(self) -> Opened:
        """The database.

        Raises:
          StoreError: if it is not open.
        """
        if self._opened is None:
            raise StoreError(self.name, "is not open; use it with 'async with'")
        return self._opened

    @property
    def is_open(self) -> bool:
        """Whether the database is open."""
        return self._opened is not None

    async def open(self) -> None:
        """Connect, and create or migrate the tables.

        Raises:
          StoreError: if this fails, or the database is already open.
        """
        if self._opened is not None:
            raise StoreError(self.name, "is already open; create another store for it")
        writer = WriterThread()
        with self._faults():
            writer.start()
            try:
                self._opened = await writer.run(partial(connect, self.database))
            except BaseException:
                writer.stop()
                raise
        self.writer = writer

    async def close(self) -> None:
        """Disconnect.

        **Cancellation**: shielded; noticed afterwards.
        """
        opened, self._opened = self._opened, None
        if opened is not None:
            with trio.CancelScope(shield=True), self._faults():
                # In the thread, because the last connection to a SQLite file checkpoints it.
                try:
                    await self.writer.run(opened.close)
                finally:
                    self.writer.stop()

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        """Append to journals."""
        return await self.call(partial(self.opened.append, appends))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Call *work* in a transaction that may write."""
        return await self.call(partial(self.opened.write, work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Call *work* in a transaction that only reads."""
        return await self.look(partial(self.opened.read, work))

    async def call(self, function: Callable[[], T]) -> T:
        """Call a function in the writer thread."""
        with self._faults():
            return await self.writer.run(function)

    async def look(self, function: Callable[[], T]) -> T:
        """Call a function in a reader thread."""
        with self._faults():
            return await read_in_thread(function, self._reading)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Convert errors of the database to `StoreError`."""
        try:
            yield
        except NoThreadError as error:
            problem = f"cannot start a thread: {error}"
            raise StoreError(self.name, problem, transient=True) from error
        except Exception as error:
            fault = self.database.fault(error)
            if fault is None:
                raise
            raise fault from error
