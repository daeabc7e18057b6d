"""When nothing of a run worked: it slept, or waited for an event, an answer or a process.

A week of waiting would leave no room for the seconds of work around it, so a reader may have
such times shortened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trioflow_pictures.timeline.bars import Bar
from trioflow_pictures.timeline.places import Timeline

LONG = 0.25
"""What is shortened lasts longer than this share of all the work."""


def idle_times(timeline: Timeline) -> list[tuple[float, float]]:
    """Return the times that are worth shortening as (start, end), seconds since the epoch."""
    gaps: list[tuple[float, float]] = []
    reached, work = timeline.started, 0.0
    for start, end in sorted(_work(timeline)):
        if start > reached:
            gaps.append((reached, start))
        work += max(end - max(start, reached), 0)
        reached = max(reached, end)
    if timeline.ended > reached:
        gaps.append((reached, timeline.ended))
    if not work:  # there is nothing that would get more room
        return []
    return [(start, end) for start, end in gaps if end - start > LONG * work]


def _work(timeline: Timeline) -> Iterator[tuple[float, float]]:
    for bar, _ in timeline.root.walk():
        if works(bar):
            for span in bar.spans:
                if span.kind == "run":
                    yield span.start, timeline.ended if span.end is None else span.end


def works(bar: Bar) -> bool:
    """Tell whether a bar is one of work, not one of what only holds others."""
    if bar.kind in ("run", "workflow", "loop", "group"):
        return False
    if bar.kind == "item":
        return not _has_calls([bar])
    # When the items of a foreach began is known only if there are calls inside them.
    return bar.kind != "foreach" or not _has_calls(bar.children)


def _has_calls(items: Iterable[Bar]) -> bool:
    return any(
        _has_calls(item.children)
        if item.kind == "group"
        else any(child.kind != "tool-call" for child in item.children)
        for item in items
    )
