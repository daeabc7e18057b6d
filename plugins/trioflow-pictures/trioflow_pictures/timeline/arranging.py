"""What a timeline needs beyond its events: order, and lines for what there are many of."""

from __future__ import annotations

from collections.abc import Sequence

from trioflow_pictures.timeline.bars import Bar, BarStatus, Span
from trioflow_pictures.timeline.places import Timeline

MANY = 200
"""Of more siblings than this, hundreds are put together."""
TOGETHER = 100
TELLING: tuple[BarStatus, ...] = (
    *("failed", "interrupted", "canceled", "suspended", "paused"),
    *("waiting", "running", "bailed", "success"),
)
"""Of several bars together, the status that comes first here is told."""


def arrange(timeline: Timeline) -> None:
    """Bring bars into order, and add those that stand for several."""
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
    """Let an item begin with what is first known of it, for no event tells when it began."""
    starts = [child.start for child in item.children if child.start is not None]
    known = min([*starts, *(times[0] for times in item.marks.values())], default=None)
    end = item.ended if item.start is None else item.start
    if known is not None and (end is None or known < end):
        item.spans.insert(0, Span(known, end, "run"))
        if not starts:
            item.facts["Note"] = "no event tells when it began, only what it did first"


def _groups(bars: Sequence[Bar]) -> list[Bar]:
    """Put very many siblings together, so that there are at most a hundred groups."""
    size = TOGETHER * -(-len(bars) // TOGETHER**2)
    return [_group(bars[first : first + size]) for first in range(0, len(bars), size)]


def _group(bars: Sequence[Bar]) -> Bar:
    group = Bar("group", bars[0].id, f"{bars[0].label} … {bars[-1].label}")
    group.children = list(bars)
    group.status = min((bar.status for bar in bars), key=TELLING.index)
    group.spans = [_whole(bars)]
    return group


def _whole(bars: Sequence[Bar]) -> Span:
    """Return the time from the first beginning that is known to the last end."""
    starts = [bar.spans[0].start if bar.spans else bar.ended or 0.0 for bar in bars]
    ends = [None if bar.is_open else bar.spans[-1].end if bar.spans else bar.ended for bar in bars]
    known = [end for end in ends if end is not None]
    return Span(min(starts), max(known) if len(known) == len(bars) else None, "all")
