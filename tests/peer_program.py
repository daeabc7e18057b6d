"""A program like those of ``benchmarks/peers/programs``, for the tests of what asks them."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.peers.engines import WORKLOADS
from benchmarks.peers.programs.serving import Sample, serve

HOLD = "import sys, time; file = open(sys.argv[1], 'wb'); time.sleep(600)"


def hang() -> Sample:
    """Start a process that holds a file, as a server might, and never answer."""
    subprocess.run([sys.executable, "-c", HOLD, os.environ["PEER_FIFO"]], check=True)
    raise AssertionError("it was not to end")


def fail() -> Sample:
    raise RuntimeError("no such table")


def answer() -> Sample:
    print("engines may print what they want")
    return lambda: 0.5


if __name__ == "__main__":
    serve(
        "trio",
        {"chain-1000": answer, "hang": hang, "fail": fail},
        cannot={id: "it does not loop" for id in WORKLOADS if id != "chain-1000"},
    )
