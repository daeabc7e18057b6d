"""Frames between workers and runs, and the process that watches over workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trioflow_process import keeper_main
from trioflow_process.channel import Channel
from trioflow_process.frames import SMALL, Close, FrameReader, to_parts
from trioflow_process.keeper import Keeper

from trioflow.runners.remote import Ask

SIZES = st.sampled_from([0, 1, 100, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL, 10 * SMALL])
NAMES = st.sampled_from([1, 100, 5 * SMALL]).map("x".__mul__)
frames = st.lists(st.tuples(NAMES, SIZES), max_size=4)


@given(frames, st.lists(st.sampled_from([1, 7, 1000, SMALL, 10**9]), min_size=1))
@example([("x", SMALL + 1), ("x", 1)], [10**9])
@settings(deadline=None, max_examples=50)
def test_frames_are_read_as_they_were_written(
    given_frames: list[tuple[str, int]], pieces: list[int]
) -> None:
    wanted = [(Ask(i, name), bytes([i]) * size) for i, (name, size) in enumerate(given_frames)]
    sent = b"".join(b"".join(to_parts(*frame)) for frame in wanted)
    reader = FrameReader()
    read: list[Any] = []
    at = number = 0
    while at < len(sent):
        buffer = reader.buffer()
        assert len(buffer) > 0
        piece = max(pieces[number % len(pieces)], len(sent) // 200)
        count = min(len(buffer), piece, len(sent) - at)
        number += 1
        buffer[:count] = sent[at : at + count]
        del buffer
        at += count
        read += reader.received(count)

    assert read == wanted


async def test_large_frames_go_through_a_socket_that_is_full() -> None:
    ours, its = (Channel(end) for end in socket.socketpair())
    content = os.urandom(5_000_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send, Ask(1, "a"), content)
        nursery.start_soon(ours.send, Ask(2, "b"), b"small")
        received = [await its.receive() for _ in range(2)]
    its.close()
    its.close()
    await ours.send(Ask(3, "c"))  # lost
    ours.send_nowait(Close())
    assert await ours.receive() is None
    ours.close()

    assert sorted(str(frame) for frame in received) == sorted(
        str(frame) for frame in [(Ask(1, "a"), bytearray(content)), (Ask(2, "b"), b"small")]
    )


async def test_what_a_dead_process_has_sent_is_read_although_others_hold_its_socket() -> None:
    ours, its = socket.socketpair()
    channel = Channel(ours)
    its.sendall(b"".join(to_parts(Close())))
    channel.finish()

    assert await channel.receive() == (Close(), b"")
    assert await channel.receive() is None
    channel.close()
    its.close()


# ---------------------------------------------------------------- the keeper
@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard input of the keeper; yields its other end."""
    read, write = os.pipe()
    monkeypatch.setattr(keeper_main, "STDIN", read)
    yield write
    os.close(read)


def test_the_keeper_knows_which_workers_are_left_when_the_pipe_is_closed(pipe: int) -> None:
    os.write(pipe, b"12\n13\n-12\n14\n1")
    os.close(pipe)

    assert keeper_main.keep(os.getppid()) == {13, 14}


def test_the_keeper_notices_another_parent_although_the_pipe_is_open(
    pipe: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parents = [5, 5, 1]
    monkeypatch.setattr(os, "getppid", lambda: parents.pop(0))
    monkeypatch.setattr(keeper_main, "LOOK", 0)
    os.write(pipe, b"12\n")

    assert keeper_main.keep(5) == {12}
    os.close(pipe)


def test_a_group_ends_with_what_it_has_started() -> None:
    for group in (0, None):  # with a group of its own, and before it has one
        with subprocess.Popen(["sleep", "600"], process_group=group) as process:
            keeper_main.end_group(process.pid)
        assert process.returncode == -signal.SIGKILL


async def test_a_keeper_that_was_killed_is_missed_only_when_it_is_needed() -> None:
    keeper = Keeper()
    await keeper.close()
    keeper.start()
    keeper.start()
    assert keeper._process is not None
    keeper._process.kill()
    keeper._process.wait()
    keeper.add(os.getpid())
    keeper.remove(os.getpid())
    await keeper.close()


def test_the_keeper_is_a_program() -> None:
    worker = subprocess.Popen(["sleep", "600"], process_group=0)
    program = [sys.executable, "-I", "-S", keeper_main.__file__, str(os.getpid())]
    subprocess.run(program, input=b"%d\n" % worker.pid, check=True)

    assert worker.wait() == -signal.SIGKILL
