"""What a run needs from its environment: its store, its engine, and the task that drives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

from trioflow._engine.stream.fetching import Source
from trioflow.events import Event
from trioflow.record import RunRecord

if TYPE_CHECKING:
    from trioflow._engine.life.life import Life


class Keeper(Protocol):
    """What a durable run needs from the object that connects it to its store."""

    async def claim(self, life: Life) -> None:
        """Claim a run for this engine, and take over what other processes have done.

        Raises:
          RunClaimedError: if another process drives it.
        """

    async def attend(self, life: Life) -> None:
        """Apply what was requested earlier of a waiting run that this engine has just claimed.

        If that begins a part, the engine drives it.
        """

    async def release(self, life: Life) -> None:
        """Release the claim, so that other processes can drive a run."""

    async def begin_once(self, life: Life) -> bool:
        """Begin a run, on disk before any body runs, for its caller to drive.

        If its id is stored already, make it the stored run instead, and return False.

        Raises:
          StoreError, JournalConflictError: if its beginning cannot be written.
        """

    def begin(self, life: Life) -> None:
        """Record that a run is driven here from now on."""

    def keep(self, life: Life) -> None:
        """Write the events of a run from now on."""

    def acknowledge(self, life: Life, requests: Sequence[int]) -> None:
        """Remove stored requests together with the next write of the run."""

    def is_complete(self, life: Life) -> bool:
        """Return whether everything that has happened to a run is written."""

    async def wait_stored(self, life: Life) -> None:
        """Wait until everything that has happened is on disk, and raise what prevents it."""

    def follow(self, life: Life) -> None:
        """Follow what other processes write of a run, until it finishes or suspends.

        Raises:
          RunStateError: if the engine is closed.
        """

    async def events(self, life: Life) -> Sequence[Event]:
        """Return all events in the journal of a run."""

    async def source(self, life: Life) -> tuple[Source | None, bool]:
        """Return the source that an observer of a run continues from, if any.

        The second value is whether it must begin there, because the events known here are not
        valid.
        """


class Home(Protocol):
    """What a run needs from the engine that drives it in the engine's nursery."""

    def check_open(self, record: RunRecord) -> None: ...
    def start_soon(self, life: Life) -> None: ...
    def end_soon(self, life: Life) -> None: ...
    def let_go(self, run_id: str) -> None: ...


@attrs.define
class Driver:
    """The task that drives a run, for `trioflow.instruments.dump`."""

    task: trio.lowlevel.Task
    nurseries: int
    """How many nurseries were open in it before; these do not belong to the run."""
