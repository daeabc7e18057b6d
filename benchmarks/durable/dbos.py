"""DBOS, an engine for durable runs, in an environment and a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from benchmarks.durable.databases import Kind, new_database
from benchmarks.measure import Program, UnavailableError
from benchmarks.peers import environments
from benchmarks.peers.engines import ENGINES

ROOT = Path(__file__).parents[2]
URL = "BENCHMARK_DBOS_URL"
"""The variable of the environment that names its database."""


@contextmanager
def open_dbos(kind: Kind, runs: int, length: int) -> Iterator[Program]:
    """Yield a program that does the same work with DBOS; its start does not count.

    Many runs have a tenth of the steps, and the time is that of all: it is slow at them.

    Raises:
      UnavailableError: if it cannot be installed, or does not start.
    """
    python = _python()
    workload, factor = (f"chain-{length}", 1) if runs == 1 else (f"runs-{runs}", length / 10)
    with tempfile.TemporaryDirectory() as folder, new_database(kind) as url:
        variables = {"PYTHONPATH": str(ROOT), "TMPDIR": folder}
        if kind == "postgres":
            variables[URL] = url
        with subprocess.Popen(
            [str(python), "-m", "benchmarks.peers.programs.dbos"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=os.environ | variables,
        ) as process:
            try:
                _answer(process)
                yield lambda: _sample(process, workload) * factor
            finally:
                process.kill()


def _python() -> Path:
    try:
        return trio.run(environments.python_for, ENGINES["dbos"], environments.default_folder())
    except environments.UnavailableError as exc:
        raise UnavailableError(f"DBOS {exc}") from exc


def _sample(process: subprocess.Popen[bytes], workload: str) -> float:
    assert process.stdin is not None
    process.stdin.write(workload.encode() + b"\n")
    process.stdin.flush()
    return float(_answer(process)["seconds"])  # type: ignore[arg-type]


def _answer(process: subprocess.Popen[bytes]) -> dict[str, object]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise UnavailableError("DBOS has failed; run its program by hand to see how")
    answer: dict[str, object] = json.loads(line)
    return answer
