"""Values and trials that Hypothesis makes: once for all promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from trioflow.testing._converters.bench import Bench, Trial
from trioflow.testing._converters.examples import TypeExamples
from trioflow.testing._converters.variants import variants

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
"""All but the one that explains failures, which a contract error does."""


@attrs.frozen(eq=False)
class Drawn:
    """What a strategy has made, and the strategy, for a simpler example of what goes wrong."""

    strategy: st.SearchStrategy[Any]
    examples: int
    made: list[Any] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self._run(self.made.append)

    def check(self, check_one: Callable[[Any], None]) -> None:
        """Check each; raises what *check_one* raises, for the simplest that fails."""
        try:
            for one in self.made:
                check_one(one)
        except AssertionError:
            self._run(check_one)
            raise  # if it has not been found again

    def _run(self, use: Callable[[Any], None]) -> None:
        @settings(
            max_examples=self.examples,
            deadline=None,
            phases=PHASES,
            report_multiple_bugs=False,  # or two errors would come as a group
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.nested_given],
        )
        @given(self.strategy)
        def run(made: Any) -> None:
            use(made)

        run()


def of_values(bench: Bench, each: TypeExamples) -> Drawn:
    """Return generated values of a type."""
    return _drawn(bench, each, "values", each.generated)


def of_trials(bench: Bench, each: TypeExamples) -> list[Drawn]:
    """Return what comes of variants of generated values, and of generated JSON."""

    def vary(value: Any, choice: int) -> Trial:
        changed = list(variants(bench.write(value)))
        variant = changed[choice % len(changed)]
        return bench.try_json(each.type, variant.json, variant)

    found = []
    if each.generated is not None and not each.opaque:
        varied = st.builds(vary, each.generated, st.integers(0, 2**16))
        found.append(_drawn(bench, each, "variants", varied))
    if each.generated_json is not None:
        tried = each.generated_json.map(lambda json: bench.try_json(each.type, json))
        found.append(_drawn(bench, each, "JSON", tried))
    return found


def _drawn(bench: Bench, each: TypeExamples, kind: str, strategy: Any) -> Drawn:
    key = id(each), kind
    if key not in bench.drawn:
        bench.drawn[key] = Drawn(strategy, bench.examples)
    drawn: Drawn = bench.drawn[key]
    return drawn
