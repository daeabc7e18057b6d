"""Pieces of streams are made once, and sent together if they follow each other fast."""

from __future__ import annotations

from contextlib import ExitStack

import trio
from trio.testing import MockClock
from trioflow_server import sharing
from trioflow_server.sending import FULL, LONGEST_WAIT, SHORTEST_WAIT, Flow
from trioflow_server.sharing import SharedPieces
from trioflow_server.streams import OpenStreams

from trioflow import events as ev


def start(seq: int) -> ev.Event:
    return ev.Start(run_id="r", seq=seq, at=0.0, workflow_id="w", input=None)


async def send(flow: Flow, *pieces: bytes) -> float:
    """Send pieces, and return how long more is waited for."""
    before = trio.current_time()
    for piece in pieces:
        await flow.add(piece)
    await flow.flush()
    return trio.current_time() - before


async def test_pieces_that_are_there_are_sent_at_once_and_together(
    autojump_clock: MockClock,
) -> None:
    sent: list[bytes] = []

    async def emit(piece: bytes) -> None:
        sent.append(piece)

    waited = await send(Flow(emit, OpenStreams(10)), b"a", b"b", b"c")

    assert sent == [b"abc"]
    assert waited == SHORTEST_WAIT


async def test_more_streams_let_more_come_but_not_for_long(autojump_clock: MockClock) -> None:
    async def emit(piece: bytes) -> None:
        pass

    streams = OpenStreams(1_000)
    flow, waits = Flow(emit, streams), []
    with ExitStack() as stack:
        for number in (1, 99, 900):
            for _ in range(number):
                stack.enter_context(streams.open("client"))
            waits.append(await send(flow, b"a"))

    assert SHORTEST_WAIT == waits[0] < waits[1] < waits[2] == LONGEST_WAIT


async def test_much_is_sent_in_parts(autojump_clock: MockClock) -> None:
    sent: list[bytes] = []

    async def emit(piece: bytes) -> None:
        sent.append(piece)

    large = b"x" * FULL
    await send(Flow(emit, OpenStreams(10)), large, b"y", b"z", large)

    assert b"".join(sent) == large + b"yz" + large
    assert max(map(len, sent)) <= FULL + 2


async def test_after_the_last_piece_nothing_is_waited_for(autojump_clock: MockClock) -> None:
    sent: list[bytes] = []

    async def emit(piece: bytes) -> None:
        sent.append(piece)

    flow = Flow(emit, OpenStreams(10))
    await flow.add(b"a")
    await flow.flush(is_last=True)

    assert (sent, trio.current_time()) == ([b"a"], 0)


async def test_nothing_is_not_sent(autojump_clock: MockClock) -> None:
    async def emit(piece: bytes) -> None:
        raise AssertionError("there is nothing to send")

    assert await send(Flow(emit, OpenStreams(10))) == 0


def test_a_piece_is_made_once_for_each_form() -> None:
    pieces, made = SharedPieces(), []
    event = start(0)

    def make() -> bytes:
        made.append(1)
        return b"%d" % len(made)

    got = [pieces.get(event, form, make) for form in ("a", "b", "a", "b")]
    other = pieces.get(start(0), "a", make)

    assert got == [b"1", b"2", b"1", b"2"]
    assert other == b"3"  # an equal event, perhaps of another run


def test_only_the_last_pieces_are_remembered() -> None:
    pieces, size = SharedPieces(), sharing.MOST_BYTES // 10
    events = [start(seq) for seq in range(20)]
    for event in events:
        pieces.get(event, "a", lambda: b"x" * size)

    assert pieces.get(events[-1], "a", lambda: b"new") == b"x" * size
    assert pieces.get(events[0], "a", lambda: b"new") == b"new"


def test_a_large_piece_leaves_the_others() -> None:
    pieces, event, large = SharedPieces(), start(0), start(1)
    pieces.get(event, "a", lambda: b"x")
    pieces.get(large, "a", lambda: b"x" * sharing.MOST_BYTES)

    assert pieces.get(event, "a", lambda: b"new") == b"x"
    assert pieces.get(large, "a", lambda: b"new") == b"new"
