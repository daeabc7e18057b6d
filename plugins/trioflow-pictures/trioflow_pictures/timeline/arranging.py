"""Sort the bars of a timeline, and group very many siblings."""

from __future__ import annotations

from collections.abc import Sequence

from trioflow_pictures.timeline.bars import Bar, BarStatus, Span
from trioflow_pictures.timeline.places import Timeline

MANY = 200
"""Maximum number of siblings without groups."""
TOGETHER = 100
TELLING: tuple[BarStatus, ...] = (
    *("failed", "interrupted", "canceled", "suspended", "paused"),
    *("waiting", "running", "bailed", "success"),
)
"""The status of a group is the first of these that one of its bars has."""


def arrange(timeline: Timeline) -> None:
    """Sort bars, and add group bars."""
    for bar, _ in list(timeline.root.walk()):
        if bar.kind == "foreach":
            bar.children.sort(key=lambda child: child.index)
        elif bar.kind == "loop":
            bar.spans, bar.status = [_whole(bar.children)], bar.children[-1].status
            bar.facts["Iterations"] = len(bar.children)
        elif bar.kind == "item":
            _date_back(bar)
    for bar, _ in list(timeline.root.walk()):
        if len(bar.children) > MANY:
            bar.children = _groups(bar.children)


def _date_back(item: Bar) -> None:
    """Start an item at its first known moment, because items have no start event."""
    starts = [child.start for child in item.children if child.start is not None]
    known = min([*starts, *(times[0] for times in item.marks.values())], default=None)
    end = item.ended if item.start is None else item.start
    if known is not None and (end is None or known < end):
        item.spans.insert(0, Span(known, end, "run"))
        if not starts:
            item.facts["Note"] = "no event tells when it began, only what it did first"


def _groups(bars: Sequence[Bar]) -> list[Bar]:
    """Combine very many siblings into at most a hundred groups."""
    size = TOGETHER * -(-len(bars) // TOGETHER**2)
    return [_group(bars[first : first + size]) for first in range(0, len(bars), size)]


def _group(bars: Sequence[Bar]) -> Bar:
    group = Bar("group", bars[0].id, f"{bars[0].label} … {bars[-1].label}")
    group.children = list(bars)
    group.status = min((bar.status for bar in bars), key=TELLING.index)
    group.spans = [_whole(bars)]
    return group


def _whole(bars: Sequence[Bar]) -> Span:
    """Return the span from the first known start to the last end."""
    starts = [bar.spans[0].start if bar.spans else bar.ended or 0.0 for bar in bars]
    ends = [None if bar.is_open else bar.spans[-1].end if bar.spans else bar.ended for bar in bars]
    known = [end for end in ends if end is not None]
    return Span(min(starts), max(known) if len(known) == len(bars) else None, "all")
