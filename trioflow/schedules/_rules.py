"""When something happens: rules as values, with iterators over their times.

``rule.after(moment)`` is stateless: a fresh iterator continues exactly where another one is. All
times are computed in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import TypeAlias

import attrs

from trioflow._durations import Duration, in_seconds
from trioflow._help import PlainHelp
from trioflow._options import named_options
from trioflow.errors import DefinitionError
from trioflow.schedules._cron import check_expression, ticks_after, zone_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SHORTEST = timedelta(milliseconds=1)
"""The shortest interval."""


@attrs.frozen(init=False)
class Cron(metaclass=PlainHelp):
    """The times of a cron expression in a time zone.

    As in Debian's cron, a local time that a clock change skips comes at the end of the gap, and one
    that comes twice counts once. Expressions whose minute or hour begins with ``*`` follow elapsed
    time, without loss or repetition.
    """

    expression: str
    zone: str

    @named_options(lambda *args, **options: "Cron")
    def __init__(self, expression: str, zone: str = "UTC") -> None:
        """Create a rule from a cron expression.

        Args:
          expression: Minute, hour, day of month, month and day of week: ``"30 2 * * 1-5"``.
          zone: Name of the time zone: ``"Europe/Berlin"``.

        Raises:
          DefinitionError: if one of them is invalid. The message says which field.
        """
        check_expression(expression)
        zone_of(f"Cron({expression!r})", zone)
        self.__attrs_init__(" ".join(expression.split()), zone)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times after *moment*, in UTC and strictly ascending.

        Raises:
          ValueError: if *moment* has no time zone.
        """
        need_zone(moment)
        return ticks_after(self.expression, zone_of("Cron", self.zone), moment)


@attrs.frozen(init=False)
class Every(metaclass=PlainHelp):
    """The times at a fixed interval, counted from 1970-01-01 00:00 UTC.

    They do not depend on when the schedule began, so all processes agree on them. Changes of the
    clock have no effect.
    """

    interval: timedelta = attrs.field(alias="seconds")
    offset: timedelta

    @named_options(lambda *args, **options: "Every")
    def __init__(
        self,
        seconds: Duration = 0,
        *,
        minutes: float = 0,
        hours: float = 0,
        days: float = 0,
        weeks: float = 0,
        offset: Duration = 0,
    ) -> None:
        """Create a rule from an interval: the sum of all arguments but *offset*.

        Args:
          seconds: Seconds, or a timedelta.
          offset: By how much all times are later: seconds, or a timedelta.

        Raises:
          DefinitionError: if the interval is shorter than a millisecond, or an argument is invalid.
        """
        interval = _length("seconds", seconds)
        units = {"minutes": minutes, "hours": hours, "days": days, "weeks": weeks}
        for unit, number in units.items():
            interval += _length(unit, number)
        if interval < SHORTEST:
            problem = f"the interval {interval} is shorter than {SHORTEST}"
            raise DefinitionError("Every", problem, "write Every(hours=6)")
        self.__attrs_init__(interval, _length("offset", offset) % interval)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times after *moment*, in UTC and strictly ascending.

        Raises:
          ValueError: if *moment* has no time zone.
        """
        need_zone(moment)
        return self._after(moment)

    def _after(self, moment: datetime) -> Iterator[datetime]:
        start = EPOCH + self.offset
        number = (moment - start) // self.interval  # exact: microseconds are whole numbers
        try:
            while True:
                number += 1
                yield start + number * self.interval
        except OverflowError:  # the end of the calendar
            return


def _length(unit: str, given: object) -> timedelta:
    seconds = in_seconds(given)
    if seconds is None or (isinstance(given, timedelta) and unit not in ("seconds", "offset")):
        raise DefinitionError("Every", f"{unit} is {given!r}", f"write Every({unit}=10)")
    try:
        name = unit if unit != "offset" else "seconds"
        return given if isinstance(given, timedelta) else timedelta(**{name: seconds})
    except (OverflowError, ValueError):
        problem = f"{unit}={given!r} is longer than the calendar"
        raise DefinitionError("Every", problem, "use a shorter interval") from None


@attrs.frozen(init=False)
class At(metaclass=PlainHelp):
    """A single time."""

    moment: datetime

    def __init__(self, moment: datetime) -> None:
        """Create a rule for one time.

        Args:
          moment: A datetime with a time zone.

        Raises:
          DefinitionError: if it is not one.
        """
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            problem = f"{moment!r} is not a datetime with a time zone"
            raise DefinitionError("At", problem, "write datetime(2026, 5, 1, 9, tzinfo=UTC)")
        self.__attrs_init__(moment.astimezone(UTC))

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the time if it is after *moment*.

        Raises:
          ValueError: if *moment* has no time zone.
        """
        need_zone(moment)
        return iter((self.moment,) if self.moment > moment else ())


Rule: TypeAlias = Cron | Every | At
"""One rule."""
When: TypeAlias = Rule | Sequence[Rule]
"""One rule or several."""


def rules_of(where: str, when: object) -> tuple[Rule, ...]:
    """Return the rules of a schedule.

    Raises:
      DefinitionError: if *when* is neither a rule nor several of them.
    """
    rules = when if isinstance(when, tuple | list) else (when,)
    for rule in rules:
        if not isinstance(rule, Cron | Every | At):
            remedy = "give a Cron, Every or At, or a tuple of them"
            if isinstance(rule, str):
                remedy = f"write Cron({rule!r})"
            raise DefinitionError(where, f"when={rule!r} is not a rule", remedy)
    if not rules:
        raise DefinitionError(where, "when is empty", "give at least one rule")
    return tuple(rules)


def merged_after(rules: Sequence[Rule], moment: datetime) -> Iterator[datetime]:
    """Yield the times of all rules after *moment*, each once and strictly ascending."""
    latest = moment
    for tick in merge(*(rule.after(moment) for rule in rules)):
        if tick > latest:
            latest = tick
            yield tick


def need_zone(moment: datetime) -> None:
    """Check that a datetime has a time zone.

    Raises:
      ValueError: if it has none.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"{moment!r} has no time zone; use datetime.now(UTC), for example")
