"""Where the time of a step goes, function by function.

With cProfile of the standard library, because it counts calls: whether something is called
once per step or three times is what one wants to know, and a sampling profiler cannot tell.
It makes small functions look larger than they are, so trust the order of the table more than
its microseconds, and the count of instructions (`benchmarks.instructions`) most.
"""

from __future__ import annotations

import cProfile
import gc
from collections.abc import Sequence
from pathlib import PurePath
from types import CodeType

import attrs
import trio

from benchmarks.pairs import COUNTED

SIZES = {"runs-1000": (100, 5), "first-event": (100, 5)}
"""Size of a run and number of runs, of workloads whose units are more than a step."""
STEPS = (1000, 10)
"""The same of all others."""
SHOWN = 30


@attrs.frozen
class Line:
    """What one function costs per step."""

    name: str
    calls: float
    own: float
    """Seconds in the function itself."""
    total: float
    """Seconds in it and in all that it calls."""


def profile(id: str) -> list[Line]:
    """Run a workload with trioflow under cProfile; the costliest function is first."""
    size, runs = SIZES.get(id, STEPS)
    main = COUNTED[id](size).ours
    trio.run(main)  # makes the plan
    gc.collect()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(runs):
        trio.run(main)
    profiler.disable()
    units = size * runs
    lines = [
        Line(
            name_of(entry.code),
            entry.callcount / units,
            entry.inlinetime / units,
            entry.totaltime / units,
        )
        for entry in profiler.getstats()
    ]
    return sorted(lines, key=lambda line: line.own, reverse=True)


def name_of(code: CodeType | str) -> str:
    """Return where a function is, as file:line and name; what is written in C has no file."""
    if isinstance(code, str):
        return code.strip("<>")
    path = "/".join(PurePath(code.co_filename).parts[-2:])
    return f"{path}:{code.co_firstlineno} {code.co_qualname}"


def table(id: str, lines: Sequence[Line]) -> str:
    whole = sum(line.own for line in lines)
    head = f"{id}: {whole * 1e6:.1f} µs each under cProfile, {SHOWN} costliest functions"
    rows = [head, f"{'own':>9}  {'share':>6}  {'total':>9}  {'calls':>7}  function"]
    for line in lines[:SHOWN]:
        own, total = f"{line.own * 1e6:6.2f} µs", f"{line.total * 1e6:6.1f} µs"
        share = f"{line.own / whole:6.1%}"
        rows.append(f"{own:>9}  {share}  {total:>9}  {line.calls:7.2f}  {line.name}")
    return "\n".join(rows)
