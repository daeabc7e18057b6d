"""Extends checks of one value or trial to all of them: given, derived and generated."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from trioflow.testing._converters.bench import Bench, Trial
from trioflow.testing._converters.examples import TypeExamples


def of_values(bench: Bench, each: TypeExamples, check: Callable[[Any], None]) -> None:
    """Check all values of a type."""
    for value in each.fitting():
        check(value)
    if each.generated is not None:
        from trioflow.testing._converters import generated

        generated.of_values(bench, each).check(check)


def of_each_value(check: Callable[[Bench, Any, Any], None]) -> Callable[[Bench], None]:
    """Return a check of all values of all types; *check* takes a bench, a type and a value."""

    def check_all(bench: Bench) -> None:
        for each in bench.types:
            of_values(bench, each, functools.partial(check, bench, each.type))

    return check_all


def of_each_trial(check: Callable[[Trial], None]) -> Callable[[Bench], None]:
    """Return a check of all variants of values, and of generated JSON."""

    def check_all(bench: Bench) -> None:
        for trial in bench.trials:
            check(trial)
        for each in bench.types:
            if each.generated is not None or each.generated_json is not None:
                from trioflow.testing._converters import generated

                for drawn in generated.of_trials(bench, each):
                    drawn.check(check)

    return check_all
