"""Processes that share a store, lose it for a while, end as they like, or die."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import attrs
import trio

from trioflow import Engine, Run, Workflow, open_engine
from trioflow._engine.base.outcome import is_interrupt, leaves
from trioflow._engine.life.ending import halt
from trioflow._engine.life.life import Life
from trioflow.abc import Append, Entry, Instrument, Request, StoredRun
from trioflow.errors import JournalConflictError, StoreError
from trioflow.events import Event
from trioflow.stores import MemoryStore
from trioflow.stores._shelf import Shelf

RUN = "run"
"""Id of the run that is looked at."""
CLAIM = 5.0
"""For how many seconds claims hold."""
MANY = 1000
"""So many crashes does nothing survive here."""
here: ContextVar[Process] = ContextVar("here")
"""The process in which the code that runs would run."""


class MortalStore(MemoryStore):
    """The store of one process. Once that has died, nothing of what it does has any effect."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.is_dead = False
        self.is_away = False
        """Whether the store does not answer."""

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        await self._reach()
        return [None for _ in appends] if self.is_dead else await super().append(appends)

    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        await self._reach()
        return await super().read(run_id, after, limit)

    async def get(self, run_id: str) -> StoredRun | None:
        await self._reach()
        return await super().get(run_id)

    async def list_claimable(
        self,
        *,
        workflow_ids: Collection[str] | None = None,
        now: float,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Sequence[StoredRun]:
        await self._reach()
        return await super().list_claimable(
            workflow_ids=workflow_ids, now=now, limit=limit, cursor=cursor
        )

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        await self._reach()
        return False if self.is_dead else await super().claim(run_id, owner, seconds)

    async def renew(self, owner: str, seconds: float) -> set[str]:
        await self._reach()
        return set() if self.is_dead else await super().renew(owner, seconds)

    async def release(self, run_id: str, owner: str) -> None:
        await self._reach()
        if not self.is_dead:
            await super().release(run_id, owner)

    async def post_request(self, request: Request) -> Request:
        await self._reach()
        return request if self.is_dead else await super().post_request(request)

    async def take_requests(
        self,
        owner: str,
        *,
        run_ids: Collection[str] | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[Request]:
        await self._reach()
        if self.is_dead:
            return ()
        return await super().take_requests(owner, run_ids=run_ids, after=after, limit=limit)

    async def wait_requests(self, owner: str) -> None:
        await super().wait_requests(owner)
        if self.is_dead:
            await trio.sleep_forever()

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.is_away:
            raise StoreError("memory:", "it is away", transient=True)

    @asynccontextmanager
    async def _open_owner(self, owner: str) -> AsyncGenerator[None, None]:
        held = []
        async with super()._open_owner(owner):
            try:
                yield
            finally:
                if self.is_dead or self.is_away:  # its claims have to expire
                    held = self._shelf.claimed_by(owner)
        for run in held:
            run.owner = owner


@attrs.define(eq=False)
class Pressing(Instrument):
    """Presses Ctrl-C when it hears of an event."""

    awaited: type[Event] | None = None
    has_pressed: bool = False

    def on_event(self, event: Event) -> None:
        if self.awaited is not None and isinstance(event, self.awaited):
            self.awaited, self.has_pressed = None, True
            raise KeyboardInterrupt


@attrs.define(eq=False)
class Attempt:
    """Something that is done in a process, and may take long."""

    name: str
    is_done: bool = False
    is_expected: bool = False
    """Whether its error is what it had to be."""
    error: BaseException | None = None
    result: Any = None
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    def __str__(self) -> str:
        return f"{self.name}: {self.error or ('done' if self.is_done else 'going')}"


@attrs.define(eq=False)
class Process:
    """A process with an engine in it."""

    shelf: Shelf
    version: str
    """Which version of the program it runs."""
    workflow: Workflow[Any, Any]
    nursery: trio.Nursery
    store: MortalStore = attrs.field(init=False)
    engine: Engine = attrs.field(init=False)
    run: Run[Any, Any] | None = None
    """What it holds of the run."""
    keyboard: Pressing = attrs.field(factory=Pressing)
    was_away: bool = False
    """Whether it could not reach the store for a while."""
    attempts: list[Attempt] = attrs.field(factory=list)
    closing: trio.Event = attrs.field(factory=trio.Event)
    closed: trio.Event = attrs.field(factory=trio.Event)

    @store.default
    def _make_store(self) -> MortalStore:
        return MortalStore(self.shelf)

    @property
    def owner(self) -> str:
        """By which name it claims runs."""
        assert self.engine._durable is not None  # it has a store
        return self.engine._durable.owner

    @property
    def is_dead(self) -> bool:
        return self.store.is_dead

    @property
    def is_in_order(self) -> bool:
        """Whether nothing has befallen it."""
        return not (self.store.is_dead or self.store.is_away or self.keyboard.has_pressed)

    async def open(self) -> None:
        await self.nursery.start(self._live)

    async def _live(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        here.set(self)
        try:
            async with open_engine(
                plugins=[],
                store=self.store,
                workflows=[self.workflow],
                instruments=[self.keyboard],
                claim_seconds=CLAIM,
                store_patience=CLAIM,
                max_recoveries=MANY,
            ) as self.engine:
                task_status.started()
                await self.closing.wait()
        except BaseException as exc:
            if not (self.keyboard.has_pressed and is_interrupt(exc)):
                raise
        finally:
            self.closed.set()

    def attempt(self, name: str, do: Callable[[], Awaitable[Any]]) -> Attempt:
        """Begin to do something in this process."""
        attempt = Attempt(name)
        self.attempts.append(attempt)
        self.nursery.start_soon(self._try, attempt, do)
        return attempt

    async def _try(self, attempt: Attempt, do: Callable[[], Awaitable[Any]]) -> None:
        here.set(self)
        with attempt.scope:
            try:
                attempt.result = await do()
            except BaseException as exc:
                errors = [leaf for leaf in leaves(exc) if not isinstance(leaf, trio.Cancelled)]
                if not errors:
                    raise
                attempt.error = errors[0]
            attempt.is_done = True

    async def close(self) -> None:
        """End the process as a program ends: its runs are halted."""
        run = self.run
        if run is not None and run._life.home is None:  # its caller drives it
            halt(run._life)
        await trio.testing.wait_all_tasks_blocked()
        await self._leave()

    async def die(self) -> None:
        """Let the process die."""
        self.store.is_dead = True
        await self._leave()

    async def _leave(self) -> None:
        self.closing.set()
        for attempt in self.attempts:
            attempt.scope.cancel()
        await self.closed.wait()

    @property
    def life(self) -> Life | None:
        """What its engine knows of the run."""
        return self.engine._runs.find(RUN)

    def lives(self) -> list[Life]:
        """Return all that the engine and the program know of runs."""
        held = [] if self.run is None else [self.run._life]
        return list({id(life): life for life in [*held, *self.engine._runs.known()]}.values())


async def read(stream: Any) -> None:
    """Read a stream to its end."""
    async with stream as events:
        async for _ in events:
            pass
