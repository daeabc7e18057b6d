"""Interfaces to later rooms, which the parts of a run can therefore import."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from trioflow.events import Event

if TYPE_CHECKING:
    from trioflow._forms.form import Form
    from trioflow.abc import Entry


class StartRun(Protocol):
    """Starts a run in an engine, or finds the run with its id."""

    async def __call__(
        self,
        workflow: Any,
        input_data: Any,
        *,
        run_id: str,
        resource_id: str | None,
        tags: Collection[str],
        timeout: Any,
        by: str,
    ) -> None:
        """Start it; its start is on disk when this returns, if the engine has a store."""


class Journal(Protocol):
    """Where the events of a durable run are written."""

    @property
    def is_complete(self) -> bool:
        """Whether everything that has happened is written, or will be."""

    def encode(self, events: Sequence[Event]) -> Sequence[Entry]:
        """Return what to write for events that are about to happen.

        Raises:
          NotSerializableError: if one of them holds a value that has no JSON form.
          RunStateError: if the engine is closed and nothing more is written.
        """

    async def prepare(self, form: Form, value: Any) -> None:
        """Write a large output in slices, so that it is ready when its event happens.

        **Checkpoints**: some if the value is large, else none.
        """

    def add(self, entries: Sequence[Entry], *, awaited: bool = True) -> None:
        """Write entries, in their order, as soon as possible. The events have happened.

        Args:
          awaited: Whether another step must not start before they are written.
        """

    def stop(self) -> None:
        """Write no further event; those that have happened are still written."""

    async def wait_boundary(self) -> bool:
        """Wait as the durability demands before another step starts.

        Returns:
          Whether it waited, so that other tasks had turns meanwhile.
        """
