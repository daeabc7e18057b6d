"""What an agent costs beside its model: ``python -m benchmarks.agents``.

Needs ``plugins/trioflow-agents[test]``. A server on a real socket follows a script. It is asked by
the bare client of OpenAI in a loop written by hand, and by an agent whose events are read.

Per turn and per piece, the figures are CPU time of this process, the server's included, and each
is the least of several measurements that take turns. What counts is the difference. The bare client
has no journal, so the overhead proper is that without a store; what a journal adds is shown beside
it. Then come the bytes of journals, and how soon the server sees that a run is canceled.
"""

from __future__ import annotations

import warnings

import trio

from benchmarks.agents.disconnecting import TIMES, disconnects
from benchmarks.agents.journals import SIZES, journal_bytes
from benchmarks.agents.overhead import PIECES, TURNS, piece_times, turn_times

WANTED_TURN = 1.0
"""Milliseconds."""
WANTED_PIECE = 0.1
"""Share of what the bare client takes."""
WANTED_CLOSE = 50.0
"""Milliseconds."""


async def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore", ResourceWarning)  # the bare client leaves generators open
    await print_turns()
    await print_pieces()
    for turns in SIZES:
        said, written = await journal_bytes(turns)
        print(f"{turns} turns: conversation {said:,}, journal {written:,} ({written / said:.1f} x)")
    gone, over = await disconnects()
    verdict = "met" if max(gone) <= WANTED_CLOSE and over else "NOT met"
    print(
        f"cancel in the middle of a reply, {TIMES} times: the server sees the connection close "
        f"after {min(gone):.1f} to {max(gone):.1f} ms (wanted: {WANTED_CLOSE:.0f} ms, before "
        f"the run has ended: {verdict})"
    )


async def print_turns() -> None:
    """Print what a turn with a tool call takes."""
    times = await turn_times()
    bare = times.pop("bare client")
    print(f"a turn with a tool call, of {TURNS}: bare client {bare * 1e3:.2f} ms")
    for name, seconds in times.items():
        more = (seconds - bare) * 1e3
        wanted = ""
        if name == "agent":
            verdict = "met" if more < WANTED_TURN else "NOT met"
            wanted = f" (wanted: below {WANTED_TURN:.0f} ms: {verdict})"
        print(f"  {name}: {seconds * 1e3:.2f} ms, {more:+.2f} ms{wanted}")


async def print_pieces() -> None:
    """Print what a piece of text takes."""
    bare, agent = await piece_times()
    share = agent / bare - 1
    verdict = "met" if share < WANTED_PIECE else "NOT met"
    print(
        f"a piece of text, of {PIECES}: bare client {bare * 1e6:.0f} us, agent and reader "
        f"{agent * 1e6:.0f} us, {share:+.0%} (wanted: below {WANTED_PIECE:+.0%}: {verdict})"
    )


if __name__ == "__main__":
    trio.run(main)
