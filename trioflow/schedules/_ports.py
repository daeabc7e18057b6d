"""What schedules need of an engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    from trioflow.abc import TickRecord
    from trioflow.events import RunStatus
    from trioflow.run import Run
    from trioflow.run_info import RunInfo
    from trioflow.workflow import Workflow


@attrs.frozen(kw_only=True)
class TickStart:
    """The run of a tick, as the engine starts it."""

    workflow: str
    input: Any
    run_id: str
    key: tuple[str, float]
    """The schedule and the time of the tick."""
    resource_id: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    by: str | None


class EnginePort(Protocol):
    """The engine that keeps schedules."""

    @property
    def workflows(self) -> Mapping[str, Workflow[Any, Any]]: ...

    async def start_tick(self, start: TickStart) -> Run[Any, Any] | None:
        """Start the run of a decided tick; None if its id is taken.

        Raises:
          JournalConflictError: if the tick has started, or is not decided.
        """

    async def find_runs(
        self, tag: str, statuses: Collection[RunStatus], limit: int
    ) -> Sequence[RunInfo]:
        """Return runs with a tag, newest first."""

    async def cancel_run(self, run_id: str, reason: str | None = None) -> None: ...

    def notify(self, record: TickRecord) -> None:
        """Show a record to the instruments."""

    def encode_input(self, value: Any) -> str:
        """Return the input of a schedule as JSON, encoded by the codec if there is one."""

    def decode_input(self, text: str) -> Any:
        """Return what `encode_input` has encoded."""
