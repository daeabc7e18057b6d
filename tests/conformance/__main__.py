"""``python -m tests.conformance FILE... [--family NAME] [--failed]``: the score of recorded cases.

Prints how many cases of level core pass in each family, then those of level detail, and
on its last line all of level core. Cases of level quirk are run and not counted.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable
from pathlib import Path

import trio

from .build import Case
from .run import Outcome, load, run_cases


def main() -> int:
    """Run the cases of the files and print the score."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="cases, one per line")
    parser.add_argument("--family", help="only cases whose name begins with NAME and a dot")
    parser.add_argument("--failed", action="store_true", help="show what differs in failed cases")
    arguments = parser.parse_args()
    logging.disable(logging.ERROR)  # hooks that fail are logged, and cases have such
    cases = [case for file in arguments.files for case in load(file)]
    chosen = [case for case in cases if arguments.family in (None, family_of(case))]
    outcomes = trio.run(run_cases, chosen)
    for outcome in outcomes:
        if arguments.failed and not outcome.passed:
            print_failure(outcome)
    print_score(outcomes)
    return 0 if all(o.passed for o in outcomes if o.case["level"] == "core") else 1


def family_of(case: Case) -> str:
    """Return the feature that a case is about."""
    name: str = case["name"]
    return name.partition(".")[0]


def print_failure(outcome: Outcome) -> None:
    """Print what differs."""
    case = outcome.case
    print(f"{case['name']} ({case['source']['version']}, {case['level']})")
    for difference in outcome.differences:
        print(f"  {difference}")


def print_score(outcomes: Iterable[Outcome]) -> None:
    """Print the deviations, the score of each family, and those of the levels."""
    outcomes = list(outcomes)
    for outcome in outcomes:
        if outcome.deviation is not None:
            version = outcome.case["source"]["version"]
            print(f"deviation: {outcome.case['name']} ({version}): {outcome.deviation.id}")
    core = [outcome for outcome in outcomes if outcome.case["level"] == "core"]
    for family in dict.fromkeys(family_of(outcome.case) for outcome in core):
        print(family, score([o for o in core if family_of(o.case) == family]))
    print("detail", score([o for o in outcomes if o.case["level"] == "detail"]))
    print("core", score(core))


def score(outcomes: list[Outcome]) -> str:
    """Return how many of these have passed."""
    return f"{sum(outcome.passed for outcome in outcomes)}/{len(outcomes)}"


raise SystemExit(main())
