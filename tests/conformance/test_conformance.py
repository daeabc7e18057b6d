"""Recorded cases are met, or differ as the deviations say.

``cases-*.jsonl`` came with the contract. ``more-*.jsonl`` were recorded from the same two
versions of the engine in the same way, to cover what those leave out.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import trio

from .build import Case
from .deviations import deviations
from .run import Outcome, load, run_cases

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.jsonl"))
NOT_BUILT = {"agent", "tripwire"}
"""Families of features that trioflow does not have."""


def needs_more(case: Case) -> bool:
    """Tell whether a case needs a feature that trioflow does not have."""
    return case["name"].partition(".")[0] in NOT_BUILT


CASES = {f"{file.stem}:{case['name']}": case for file in FILES for case in load(file)}
BUILT = [name for name, case in CASES.items() if not needs_more(case)]
LATER = [name for name, case in CASES.items() if needs_more(case)]


@cache
def outcomes() -> dict[str, Outcome]:
    """Run all cases once, many at a time: they take real time, most of it waiting."""
    logging.disable(logging.ERROR)  # hooks that fail are logged, and cases have such
    try:
        return dict(zip(CASES, trio.run(run_cases, list(CASES.values())), strict=True))
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", BUILT)
def test_a_recorded_case_is_met(name: str) -> None:
    outcome = outcomes()[name]

    assert outcome.passed, "\n".join(outcome.differences)


@pytest.mark.parametrize("name", LATER)
def test_a_case_that_needs_more_does_not_break_the_adapter(name: str) -> None:
    differences = outcomes()[name].differences

    assert not any(text.startswith("the adapter failed") for text in differences)


def test_every_deviation_is_seen_in_a_case() -> None:
    seen = {o.deviation.id for o in outcomes().values() if o.deviation is not None}

    assert seen == {deviation.id for deviation in deviations()}


def test_a_deviation_says_why() -> None:
    assert all(len(deviation.reason.split()) > 5 for deviation in deviations())


# ---------------------------------------------------------------- the score
def score(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.conformance", str(path), *options],
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def wrong(case: Case) -> dict[str, Any]:
    """Return a case that expects something else."""
    return {**case, "expected": {**case["expected"], "calls": {"nobody": 1}}}


def test_the_score_is_told_by_family_and_level(tmp_path: Path) -> None:
    chosen = [CASES[f"cases-1.71:{name}"] for name in ("then.strings", "then.no-input", "map.fn")]
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(map(json.dumps, [*chosen, wrong(chosen[2])])), "utf-8")

    told = score(path)

    assert told.stdout.splitlines() == ["then 1/1", "map 1/2", "detail 1/1", "core 2/3"]
    assert told.returncode == 1


def test_the_score_of_one_family_shows_what_failed(tmp_path: Path) -> None:
    chosen = [CASES["cases-1.71:then.strings"], wrong(CASES["cases-1.71:map.fn"])]
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
