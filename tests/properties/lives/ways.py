"""A way to each entry of the table: what has to be done so that it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.properties.lives.moves import Move
from tests.properties.lives.playing import Step
from trioflow._phases import CALL, Phase

ASKS: Sequence[Step] = [("submit", 0)]
"""It is suspended at its first node, and nobody drives it."""
RUNS: Sequence[Step] = [*ASKS, ("answer", 0)]
"""It runs in the first process, in a body that takes time."""
TYPED: Sequence[Step] = [*RUNS, ("wait", 4.0)]
"""It has recorded what only its version can read."""
ENDS: Sequence[Step] = [*RUNS, ("cancel", 0)]
"""It is canceled, and its hook takes time."""
ENDED: Sequence[Step] = [*ASKS, ("cancel", 0), ("wait", 2.0)]
"""It was canceled while it waited, and its hook has ended."""
OTHER: Sequence[Step] = [("new version", 1)]

WAYS: Mapping[Move, Sequence[Step]] = {
    (Phase.PENDING, "begin"): ASKS,
    (Phase.PENDING, "start"): ASKS,
    (Phase.STARTING, "start"): ASKS,
    (Phase.RUNNING, CALL): ASKS,
    (Phase.RUNNING, "suspended"): ASKS,
    (Phase.WAITING, "finish"): ASKS,
    (Phase.WAITING, "event-received"): [*ASKS, ("send", 0)],
    (Phase.WAITING, "resume"): RUNS,
    (Phase.RUNNING, "event-received"): [*RUNS, ("send", 0)],
    (Phase.RUNNING, "paused"): [*ASKS, ("answer step by step", 0)],
    (Phase.RUNNING, "finish"): [
        *TYPED,
        ("send", 0),
        ("wait", 7.0),
        ("answer", 0),
        ("wait", 7.0),
    ],
    (Phase.RUNNING, "canceled"): ENDS,
    (Phase.ENDING, "event-received"): [*ENDS, ("send", 0)],
    (Phase.ENDING, "finish"): [*ENDS, ("wait", 2.0)],
    (Phase.WAITING, "canceled"): ENDED,
    # ------------------------------------------------------------ the process dies, or is left
    (Phase.ELSEWHERE, "recover"): [*RUNS, ("crash", 0), ("wait", 7.0), ("recover", 1)],
    (Phase.RUNNING, "recover"): [*RUNS, ("halt", 0), ("recover", 0)],
    (Phase.FINISHED, "halt"): [*RUNS, ("halt", 0)],
    (Phase.WAITING, "halt"): [*ASKS, ("send by id", 1), ("send", 0)],
    # ------------------------------------------------------------ another process finds it
    (Phase.PENDING, "found waiting"): [*ASKS, ("load", 1)],
    (Phase.PENDING, "found elsewhere"): [*RUNS, ("load", 1)],
    (Phase.PENDING, "found finished"): [*ENDED, ("load", 1)],
    (Phase.PENDING, "found unreadable"): [*TYPED, *OTHER, ("load", 1)],
    (Phase.STARTING, "found waiting"): [*ASKS, ("attach", 1)],
    (Phase.STARTING, "found elsewhere"): [*RUNS, ("attach", 1)],
    (Phase.STARTING, "found finished"): [*ENDED, ("attach", 1)],
    (Phase.STARTING, "found unreadable"): [*TYPED, *OTHER, ("attach", 1)],
    # ------------------------------------------------------------ and finds news of it later
    (Phase.WAITING, "found waiting"): [
        *ASKS,
        ("load", 1),
        ("answer step by step", 0),
        ("wait", 4.0),
        ("load", 1),
    ],
    (Phase.WAITING, "found elsewhere"): [*ASKS, ("load", 1), ("answer", 0), ("load", 1)],
    (Phase.WAITING, "found finished"): [
        *ASKS,
        ("load", 1),
        ("cancel", 0),
        ("wait", 2.0),
        ("load", 1),
    ],
    (Phase.WAITING, "found unreadable"): [
        *ASKS,
        *OTHER,
        ("load", 1),
        ("answer", 0),
        ("wait", 4.0),
        ("load", 1),
    ],
    (Phase.ELSEWHERE, "found waiting"): [
        *ASKS,
        ("answer step by step", 0),
        ("answer step by step", 0),
        ("load", 1),
        ("wait", 4.0),
        ("load", 1),
    ],
    (Phase.ELSEWHERE, "found elsewhere"): [*RUNS, ("load", 1), ("wait", 4.0), ("load", 1)],
    (Phase.ELSEWHERE, "found finished"): [
        *RUNS,
        ("load", 1),
        ("cancel", 0),
        ("wait", 2.0),
        ("load", 1),
    ],
    (Phase.ELSEWHERE, "found unreadable"): [
        *RUNS,
        *OTHER,
        ("load", 1),
        ("wait", 4.0),
        ("load", 1),
    ],
}
