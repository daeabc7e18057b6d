"""What a run needs of those around it: its store, its engine, and the task that drives it."""

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
    """What a durable run needs of what ties it to its store."""

    async def claim(self, life: Life) -> None:
        """Make this engine the one that drives a run, and take over what others have done.

        Raises:
          RunClaimedError: if it is driven elsewhere.
        """

    async def release(self, life: Life) -> None:
        """Let others drive a run."""

    async def begin_once(self, life: Life) -> bool:
        """Let a run begin, on disk before any body runs, for its caller to drive; or let it become
        the stored run of its id, and return False.

        Raises:
          StoreError, JournalConflictError: if its beginning cannot be written.
        """

    def begin(self, life: Life) -> None:
        """Take note that a run is driven here from now on."""

    def keep(self, life: Life) -> None:
        """Have the events of a run written from now on."""

    def acknowledge(self, life: Life, requests: Sequence[int]) -> None:
        """Have stored requests removed, together with what is written next of the run."""

    def is_complete(self, life: Life) -> bool:
        """Tell whether all that has happened to a run is written."""

    async def wait_stored(self, life: Life) -> None:
        """Wait until all that has happened is on disk, and raise what prevents it."""

    def follow(self, life: Life) -> None:
        """Take over what others write of a run, until it finishes or suspends.

        Raises:
          RunStateError: if the engine is closed.
        """

    async def events(self, life: Life) -> Sequence[Event]:
        """Return all events that the journal of a run holds."""

    async def source(self, life: Life) -> tuple[Source | None, bool]:
        """Return what an observer of a run reads on from, if anything, and whether
        it has to begin there because what is known here of the run does not count.
        """


class Home(Protocol):
    """What a run needs of the engine that drives it in a nursery of its own."""

    def check_open(self, record: RunRecord) -> None: ...
    def start_soon(self, life: Life) -> None: ...
    def end_soon(self, life: Life) -> None: ...
    def let_go(self, run_id: str) -> None: ...


@attrs.define
class Driver:
    """The task that drives a run, for `trioflow.instruments.dump`."""

    task: trio.lowlevel.Task
    nurseries: int
    """How many nurseries were open in it before, and are not the run's."""
