"""Find idle times of a run: it slept, or waited for an event, an answer or a process.

A week of waiting would leave no space for the seconds of work around it, so the reader can
shorten idle times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trioflow_pictures.timeline.bars import Bar
from trioflow_pictures.timeline.places import Timeline

LONG = 0.25
"""Idle times longer than this share of the total work can be shortened."""


def idle_times(timeline: Timeline) -> list[tuple[float, float]]:
    """Return the idle times to shorten as (start, end) in seconds since the epoch."""
    gaps: list[tuple[float, float]] = []
    reached, work = timeline.started, 0.0
    for start, end in sorted(_work(timeline)):
        if start > reached:
            gaps.append((reached, start))
        work += max(end - max(start, reached), 0)
        reached = max(reached, end)
    if timeline.ended > reached:
        gaps.append((reached, timeline.ended))
    if not work:  # no work would get more space
        return []
    return [(start, end) for start, end in gaps if end - start > LONG * work]


def _work(timeline: Timeline) -> Iterator[tuple[float, float]]:
    for bar, _ in timeline.root.walk():
        if works(bar):
            for span in bar.spans:
                if span.kind == "run":
                    yield span.start, timeline.ended if span.end is None else span.end


def works(bar: Bar) -> bool:
    """Return whether a bar shows work, not only a container of other bars."""
    if bar.kind in ("run", "workflow", "loop", "group"):
        return False
    if bar.kind == "item":
        return not _has_calls([bar])
    # The start of the items of a foreach is only known if they contain calls.
    return bar.kind != "foreach" or not _has_calls(bar.children)


def _has_calls(items: Iterable[Bar]) -> bool:
    return any(
        _has_calls(item.children)
        if item.kind == "group"
        else any(child.kind != "tool-call" for child in item.children)
        for item in items
    )
