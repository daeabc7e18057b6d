"""The records of the step calls of a run."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from typing import TYPE_CHECKING, Any, Literal

import attrs

from trioflow._help import PlainHelp
from trioflow.events import Question, StepKind

RecordStatus = Literal["running", "waiting", "suspended", "success", "failed", "canceled", "bailed"]


AskStatus = Literal["waiting", "asked", "answered", "expired"]
"""``"asked"``: the question has no answer, and the call waits for another question."""


@attrs.frozen
class AskRecord:
    """The record of one question of a step call, see `StepSuspended.asks`."""

    question: Question
    status: AskStatus = "waiting"
    answer: Any = None
    answered_at: float | None = None
    """When it was answered or expired: seconds since the epoch."""
    is_new: bool = False
    """Whether the call has not been suspended again since the answer."""


@attrs.define
class StepRecord(metaclass=PlainHelp):
    """The record of one step call. Only the fold changes it."""

    id: str
    address: str
    """Address of the call in the run, see `trioflow.addresses`."""
    kind: StepKind
    status: RecordStatus
    input: Any
    """The input of the step, before it was structured."""
    started_at: float
    """Seconds since the epoch."""
    begun_at: float | None = None
    """When its body began, if it had to wait for that: for a limit, a thread, a process or a node.
    Seconds since the epoch."""
    output: Any = None
    error: BaseException | None = None
    ended_at: float | None = None
    """Seconds since the epoch; None until the call ends."""
    attempts: int = 0
    """How many attempts were made, including those lost in crashes."""
    lost: int = 0
    """How many attempts were lost because the process died during them."""
    paused_until: float | None = None
    """When the next attempt begins: seconds since the epoch; None if none is pending."""
    is_parked: bool = False
    """Whether its body waits for an event."""
    event: str | None = None
    """Name of the event that the call waits for, or waited for last."""
    seconds: float | None = None
    """How long the call took, retries included."""
    iteration: int | None = None
    """In a loop: the iteration, counted from 1."""
    round: int = 0
    """How often the call has been resumed."""
    resumed: bool = False
    """Whether the call has an answer, or its awaited event has arrived."""
    resume_data: Any = None
    resumed_at: float | None = None
    suspend_payload: Any = None
    suspended_at: float | None = None
    label: str | None = None
    """The label of the suspension."""
    until: float | None = None
    """When a wait ends at the latest: seconds since the epoch."""
    arms: tuple[str, ...] | None = None
    """In a branch: the ids of all arms whose condition held."""
    done: int | None = None
    """In a foreach: how many items have ended."""
    total: int | None = None
    """In a foreach: how many items there are."""

    if not TYPE_CHECKING:  # or type checkers would accept any attribute

        def __getattr__(self, name: str) -> Any:
            # Called for fields that were left unset, see new_record.
            if name not in _DEFAULTS:
                raise AttributeError(f"a StepRecord has no {name!r}", name=name, obj=self)
            return _DEFAULTS[name]


_DEFAULTS = {
    field.name: field.default
    for field in attrs.fields(StepRecord)
    if field.default is not attrs.NOTHING
}
_new = object.__new__


def new_record(
    id: str, address: str, kind: StepKind, status: RecordStatus, input: Any, started_at: float
) -> StepRecord:
    """Return a record whose fields with defaults are unset, and looked up on access.

    It equals the record that the constructor makes from the same arguments. A plain step needs half
    of the fields. Omitting the others also reduces the work of the garbage collector in a long run
    (shortcut `step-record`).
    """
    record = _new(StepRecord)
    record.id = id
    record.address = address
    record.kind = kind
    record.status = status
    record.input = input
    record.started_at = started_at
    return record


class Calls(Mapping[str, StepRecord]):
    """Records of calls: all calls by address, or the last call of each step by id.

    Most runs never need this mapping, so a run record only appends to a row of records. The dict
    is built on the first lookup, because in a long run its entries would be scattered in memory
    (shortcut `calls-on-demand`).

    Live, unless it has an end. Views from `values` and `items` are valid until the next access.
    """

    __slots__ = ("_end", "_key", "_known", "_records", "_row")

    def __init__(
        self, row: Sequence[StepRecord], key: Literal["address", "id"], end: int | None = None
    ) -> None:
        """Show the first *end* records of a row, or all present and future records."""
        self._row = row
        self._key = key
        self._end = end
        self._known = 0
        self._records: dict[str, StepRecord] | None = None

    def _all(self) -> dict[str, StepRecord]:
        if self._records is None:
            self._records = {}
        if self._known < (len(self._row) if self._end is None else self._end):
            fresh = self._row[self._known : self._end]
            self._known += len(fresh)
            if self._key == "address":
                self._records.update((record.address, record) for record in fresh)
            else:  # items of a foreach are not steps
                self._records.update((r.id, r) for r in fresh if r.kind != "item")
        if self._end is not None:
            self._row = ()  # lets other records be freed
        return self._records

    def fill(self) -> None:
        """Build the dict now."""
        self._all()

    def begin_anew(self) -> None:
        """Discard the dict, because the row has changed."""
        self._known, self._records = 0, None

    def __getitem__(self, key: str) -> StepRecord:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def items(self) -> ItemsView[str, StepRecord]:
        return self._all().items()

    def values(self) -> ValuesView[StepRecord]:
        return self._all().values()

    def __repr__(self) -> str:
        return repr(self._all())
