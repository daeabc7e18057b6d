"""What users declare: a schedule."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs

from trioflow._durations import Duration, finite_seconds
from trioflow._help import PlainHelp
from trioflow._ids import check_name, check_tags
from trioflow._numbers import is_whole_number
from trioflow._options import named_options
from trioflow._tick import Tick, run_id_of
from trioflow.errors import DefinitionError, InvalidIdError
from trioflow.schedules._rules import Rule, When, merged_after, need_zone, rules_of

if TYPE_CHECKING:
    from trioflow.workflow import Workflow

Overlap: TypeAlias = Literal["skip", "queue", "cancel", "allow"]
"""What happens to a tick while an earlier run of the schedule is unfinished."""
Missed: TypeAlias = Literal["last", "all", "none"]
"""Which of the ticks start that came while nothing could start them."""

MAX_ID = 400
"""Maximum number of characters of an id: the ids of its runs are longer."""


@attrs.frozen(init=False)
class Schedule(metaclass=PlainHelp):
    """Which workflow runs when, and what happens to ticks that cannot start at once."""

    id: str
    workflow: str
    """Id of the workflow. The runs are of the workflow that the engine has under this id then."""
    rules: tuple[Rule, ...] = attrs.field(alias="when")
    input: Any
    overlap: Overlap
    overlap_suspended: bool
    catch_up: float
    """Seconds."""
    missed: Missed
    limit_catch_up: int
    jitter: float
    """Seconds."""
    start: datetime | None
    end: datetime | None
    limit: int | None
    pause_on_failure: bool
    note: str
    resource_id: str | None
    tags: tuple[str, ...]

    @named_options(lambda *args, **options: "Schedule")
    def __init__(
        self,
        id: str,
        workflow: str | Workflow[Any, Any],
        when: When,
        input: Any | Callable[[Tick], Any] = None,
        *,
        overlap: Overlap = "skip",
        overlap_suspended: bool = True,
        catch_up: Duration = 0.0,
        missed: Missed = "last",
        limit_catch_up: int = 100,
        jitter: Duration = 0.0,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
        pause_on_failure: bool = False,
        note: str = "",
        resource_id: str | None = None,
        tags: Collection[str] = (),
    ) -> None:
        """Declare a schedule. Nothing runs until an engine keeps it.

        Args:
          id: Id of the schedule; its runs are called ``<id>@<tick in UTC>``.
          workflow: A workflow, or the id of one.
          when: A `Cron`, `Every` or `At`, or several of them.
          input: Input of the runs, or a function that returns it: plain or async, of the `Tick`.
          overlap: What happens to a tick while an earlier run is unfinished. ``"skip"``: it does
            not start. ``"queue"``: it starts when that run has finished; only the newest waits.
            ``"cancel"``: that run is canceled first. ``"allow"``: it starts.
          overlap_suspended: Whether a suspended run counts as unfinished.
          catch_up: How late a tick may be and still start, if no process was there to start it:
            seconds, or a timedelta. A minute is always allowed.
          missed: Which ticks of that time start: the last one, all, or none.
          limit_catch_up: Maximum number of ticks that ``missed="all"`` starts, the newest ones.
          jitter: Ticks start up to this much later: seconds, or a timedelta. The delay is the same
            in all processes, and never leads past *end*.
          start, end: The first and the last possible tick: datetimes with a time zone.
          limit: Maximum number of ticks that are started. The schedule then ends.
          pause_on_failure: Whether a failed run pauses the schedule.
          note: What people should know about it.
          resource_id: The resource (user, tenant, ...) that the runs belong to.
          tags: Tags of the runs, in addition to ``schedule:<id>``.

        Raises:
          DefinitionError: if an argument is invalid; InvalidIdError: if an id or a tag is.
        """
        where = _place(id)
        self.__attrs_init__(
            id,
            _workflow_id(where, workflow),
            rules_of(where, when),
            input,
            overlap,
            _flag(where, "overlap_suspended", overlap_suspended),
            _seconds(where, "catch_up", catch_up),
            missed,
            _count(where, "limit_catch_up", limit_catch_up),
            _seconds(where, "jitter", jitter),
            _moment(where, "start", start),
            _moment(where, "end", end),
            None if limit is None else _count(where, "limit", limit),
            _flag(where, "pause_on_failure", pause_on_failure),
            _note(where, note),
            resource_id,
            _tags(tags),
        )

    def __attrs_post_init__(self) -> None:
        where = _place(self.id)
        _check_choice(where, "overlap", self.overlap, get_args(Overlap))
        _check_choice(where, "missed", self.missed, get_args(Missed))
        if self.resource_id is not None:
            check_name("resource id", self.resource_id)
        if self.start is not None and self.end is not None and self.end < self.start:
            raise DefinitionError(where, "it ends before it starts", "give a later end")

    @property
    def when(self) -> Rule | tuple[Rule, ...]:
        """The rule, or the rules if there are several."""
        return self.rules[0] if len(self.rules) == 1 else self.rules

    @property
    def tag(self) -> str:
        """The tag of all its runs."""
        return tag_of(self.id)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the ticks after *moment*, in UTC and strictly ascending. *limit* is ignored.

        Raises:
          ValueError: if *moment* has no time zone.
        """
        need_zone(moment)
        if self.start is not None and moment < self.start:
            moment = self.start - timedelta(microseconds=1)
        return self._after(moment)

    def _after(self, moment: datetime) -> Iterator[datetime]:
        for tick in merged_after(self.rules, moment):
            if self.end is not None and tick > self.end:
                return
            yield tick

    def delay(self, tick: datetime) -> float:
        """Return by how many seconds a tick is delayed: its share of *jitter*."""
        if not self.jitter:
            return 0.0
        digest = hashlib.sha256(run_id_of(self.id, tick).encode()).digest()
        delay = self.jitter * int.from_bytes(digest[:6]) / 2**48
        if self.end is not None:
            delay = min(delay, max(0.0, (self.end - tick).total_seconds()))
        return delay


def tag_of(schedule: str) -> str:
    """Return the tag of all runs of a schedule."""
    return f"schedule:{schedule}"


def _place(id: str) -> str:
    """Return what errors call the schedule with a valid id."""
    check_name("schedule id", id)
    if len(id) > MAX_ID:
        problem = f"has {len(id)} characters; at most {MAX_ID} are allowed"
        raise InvalidIdError("schedule id", id, problem)
    return f"schedule {id!r}"


def _tags(tags: Collection[str]) -> tuple[str, ...]:
    check_tags(tags)
    return tuple(tags)


def _workflow_id(where: str, workflow: object) -> str:
    found = workflow if isinstance(workflow, str) else getattr(workflow, "id", None)
    if not isinstance(found, str) or not found:
        problem = f"{workflow!r} is neither a workflow nor the id of one"
        raise DefinitionError(where, problem, "pass workflow=")
    return found


def _check_choice(where: str, name: str, given: object, known: tuple[str, ...]) -> None:
    if given not in known:
        raise DefinitionError(where, f"{name} is {given!r}", f"use one of {', '.join(known)}")


def _seconds(where: str, name: str, given: object) -> float:
    seconds = finite_seconds(given)
    if seconds is None:
        remedy = "give seconds >= 0, or a timedelta"
        raise DefinitionError(where, f"{name} is {given!r}", remedy)
    return float(seconds)


def _count(where: str, name: str, given: object) -> int:
    if not is_whole_number(given) or given < 1:
        raise DefinitionError(where, f"{name} is {given!r}", "give a whole number >= 1")
    return given


def _flag(where: str, name: str, given: object) -> bool:
    if not isinstance(given, bool):
        raise DefinitionError(where, f"{name} is {given!r}", "give True or False")
    return given


def _moment(where: str, name: str, given: object) -> datetime | None:
    if given is None:
        return None
    if not isinstance(given, datetime) or given.utcoffset() is None:
        remedy = "give a datetime with a time zone"
        raise DefinitionError(where, f"{name} is {given!r}", remedy)
    return given.astimezone(UTC)


def _note(where: str, given: object) -> str:
    if not isinstance(given, str):
        raise DefinitionError(where, f"note is {given!r}", "give a string")
    return given
