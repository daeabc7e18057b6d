"""Ends worker processes, and what they have started, when the program that uses them is gone.

This is a program of its own, which imports little and does nothing but wait: it also works if the
program was killed with SIGKILL, and if a worker computes without looking at anything else. It reads
process ids from standard input, one a line; a negative one means that this worker has ended.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress

LOOK = 1.0
"""Seconds after which it notices the end of its parent if another process keeps the pipe open."""
STDIN = 0


def keep(parent: int) -> set[int]:
    """Wait for the end of the parent, and return the ids of the workers that are left."""
    left: set[int] = set()
    rest = b""
    while os.getppid() == parent:
        if not select.select([STDIN], [], [], LOOK)[0]:
            continue
        piece = os.read(STDIN, 65536)
        if not piece:
            break
        *lines, rest = (rest + piece).split(b"\n")
        for number in map(int, lines):
            if number > 0:
                left.add(number)
            else:
                left.discard(-number)
    return left


def end_group(pid: int) -> None:
    """Kill a worker with its process group, which it may not have created yet."""
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    for worker in keep(int(sys.argv[1])):
        end_group(worker)
