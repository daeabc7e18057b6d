"""How a program is asked for samples: the id of a workload comes in, seconds go out.

A program says first what it can do. Then, for each line of its standard input, it does that
workload once and prints one line of JSON, until its input ends. So the programs of several
engines can take turns though each keeps its own process. Needs the standard library alone.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

Sample = Callable[[], float]
"""Does a workload once; returns the seconds of the part that counts."""


def serve(
    distribution: str,
    workloads: Mapping[str, Callable[[], Sample]],
    *,
    others: tuple[str, ...] = (),
    cannot: Mapping[str, str] | None = None,
) -> None:
    """Measure what standard input asks for, until it ends.

    Args:
      distribution: What is measured; its version is reported.
      workloads: Builds a workload by its id. What is built once, such as a graph, does not count.
      others: More distributions whose versions matter.
      cannot: Why the other workloads cannot be done, by id.
    """
    answers = _own_stdout()
    versions = {name: version(name) for name in (distribution, *others)}
    python = ".".join(map(str, sys.version_info[:3]))
    _say(answers, versions=versions, python=python, can=list(workloads), cannot=dict(cannot or {}))
    built: dict[str, Sample] = {}
    for line in sys.stdin:
        id = line.strip()
        if id not in built:
            built.clear()  # what others need is not to burden this one
            built[id] = workloads[id]()
        gc.collect()
        _say(answers, workload=id, seconds=round(built[id](), 7))


def expect(what: str, got: Any, wanted: Any) -> None:
    """Fail if a program did not do its work: a benchmark of nothing is fast."""
    if got != wanted:
        raise RuntimeError(f"{what}: got {got}, expected {wanted}; this sample is void")


def _own_stdout() -> int:
    """Keep standard output for answers; what the engines print goes to standard error."""
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _say(answers: int, **values: object) -> None:
    os.write(answers, json.dumps(values).encode() + b"\n")
