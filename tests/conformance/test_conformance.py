"""Recorded cases are met, or differ as the deviations say.

``cases-*.jsonl`` came with the contract. ``more-*.jsonl`` were recorded from the same two
versions of the engine in the same way, to cover what those leave out. Each case is a test::

    pytest "tests/conformance/test_conformance.py::test_case[then.strings@0.18.0]"

Its clock is virtual, so that it takes milliseconds and its times are exact. The command
``python -m tests.conformance FILE`` runs cases in real time.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import trio
from trio.testing import MockClock

from .build import Case
from .deviations import Deviation, deviations
from .run import Outcome, load, run_case

HERE = Path(__file__).parent
CONTRACT = sorted(HERE.glob("cases-*.jsonl"))
FILES = {file: load(file) for file in [*CONTRACT, *sorted(HERE.glob("more-*.jsonl"))]}
TRIES = 15
"""Of two tasks that are ready Trio takes either first, and of such a race a case shows one end."""


def id_of(case: Case) -> str:
    """Return what a case is called here; no other has the same name and version."""
    return f"{case['name']}@{case['source']['version']}"


CASES = {id_of(case): case for cases in FILES.values() for case in cases}


@cache
def outcome_of(id: str) -> Outcome:
    """Run a case, for all tests that want to know what comes of it."""
    clock, began = MockClock(autojump_threshold=0), time.time()

    def now() -> float:
        return began + clock.current_time()

    logging.disable(logging.ERROR)  # hooks that fail are logged, and cases have such
    try:
        # Dates are virtual as well, or a slow machine would come late for them.
        with mock.patch("time.time", now):
            return trio.run(run_case, CASES[id], TRIES, clock=clock)
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("id", CASES)
def test_case(id: str) -> None:
    outcome = outcome_of(id)

    assert outcome.passed, "\n".join(outcome.differences)


def test_no_case_hides_another() -> None:
    assert len(CASES) == sum(map(len, FILES.values()))


@pytest.mark.parametrize("deviation", deviations(), ids=lambda deviation: deviation.id)
def test_a_deviation_is_seen_in_a_case_and_says_why(deviation: Deviation) -> None:
    concerned = (outcome_of(id) for id, case in CASES.items() if deviation.concerns(case))

    assert any(outcome.deviation is deviation for outcome in concerned)
    assert len(deviation.reason.split()) > 5


# ---------------------------------------------------------------- the score
def score(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.conformance", *arguments],
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow  # real time
def test_the_contract_is_met_in_real_time() -> None:
    told = score(*CONTRACT, "--failed").stdout.splitlines()

    cases = [case for file in CONTRACT for case in FILES[file]]
    assert [line for line in told if line.startswith("  ")] == []
    assert told[-1].endswith(f"/{sum(case['level'] == 'core' for case in cases)}")


def wrong(case: Case) -> dict[str, Any]:
    """Return a case that expects something else."""
    return {**case, "expected": {**case["expected"], "calls": {"nobody": 1}}}


@pytest.mark.slow
def test_the_score_is_told_by_family_and_level(tmp_path: Path) -> None:
    chosen = [CASES[f"{name}@1.71.0"] for name in ("then.strings", "then.no-input", "map.fn")]
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(map(json.dumps, [*chosen, wrong(chosen[2])])), "utf-8")

    told = score(path)

    assert told.stdout.splitlines() == ["then 1/1", "map 1/2", "detail 1/1", "core 2/3"]
    assert told.returncode == 1


@pytest.mark.slow
def test_the_score_of_one_family_shows_what_failed(tmp_path: Path) -> None:
    chosen = [CASES["then.strings@1.71.0"], wrong(CASES["map.fn@1.71.0"])]
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(map(json.dumps, chosen)), "utf-8")

    told = score(path, "--family", "map", "--failed")

    assert told.stdout.splitlines() == [
        "map.fn (1.71.0, core)",
        "  calls: expected {'nobody': 1}, observed {'a': 1, 'b': 1}",
        "map 0/1",
        "detail 0/0",
        "core 0/1",
    ]
