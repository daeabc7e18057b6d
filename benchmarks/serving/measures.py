"""What is measured of each server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Measure:
    """Work of the client program, and the figure that comes out of it."""

    id: str
    title: str
    work: str
    """What the client program does."""
    options: Mapping[str, Any]
    figure: Callable[[Any], float]
    """Makes the figure of what the client program says."""
    shown: Callable[[float], str]
    more_is_better: bool = False
    repeats: bool = True
    """Whether it is measured in each round; memory grows only the first time."""


def _rate(figure: float) -> str:
    return f"{figure:,.0f} /s"


def _late(figure: float) -> str:
    return f"{figure * 1e3:.2f} ms"


def _kilobytes(figure: float) -> str:
    return f"{figure / 1e3:.1f} kB"


def _events(readers: int, count: int) -> Measure:
    return Measure(
        id=f"events-{readers}",
        title=f"events to {readers:,} readers",
        work="ticks",
        options={"readers": readers, "count": count, "pause": 0.0},
        figure=lambda said: said["events"] / said["seconds"],
        shown=_rate,
        more_is_better=True,
    )


def _lateness(readers: int, count: int, pause: float, rank: int) -> Measure:
    what = ("median", "99th percentile")[rank]
    return Measure(
        id=f"late-{readers}" + ("", "-p99")[rank],
        title=f"latency, {readers:,} readers, every {pause:g} s, {what}",
        work="ticks",
        options={"readers": readers, "count": count, "pause": pause},
        figure=lambda said: said["late"][rank],
        shown=_late,
    )


MEASURES = {
    measure.id: measure
    for measure in (
        Measure(
            id="memory",
            title="memory per open stream, of 1,000",
            work="hold",
            options={"readers": 1_000},
            figure=lambda said: said["bytes"],
            shown=_kilobytes,
            repeats=False,
        ),
        _events(1, 5_000),
        _events(100, 300),
        _events(1_000, 20),
        _lateness(1, 200, 0.01, 0),
        _lateness(1, 200, 0.01, 1),
        _lateness(100, 20, 0.2, 0),
        _lateness(1_000, 5, 2.0, 0),
        Measure(
            id="runs",
            title="runs of two steps, 16 clients",
            work="sums",
            options={"runs": 400, "clients": 16},
            figure=lambda said: said["runs"] / said["seconds"],
            shown=_rate,
            more_is_better=True,
        ),
    )
}
