"""Whether schema, input and what is written agree on a type, by examples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from trioflow.describe import json_schema
from trioflow.testing import check_converter
from trioflow.testing._converters.bench import Bench, Refused
from trioflow.testing.strategies import TypedValues

BENCH = Bench(None, (), 1)


def agree(type_: Any, *values: Any, fits: Iterable[Any] = (), refused: Iterable[Any] = ()) -> None:
    """Check that values are written as valid JSON and read back, and which JSON fits.

    Args:
      fits: JSON that must be valid under the schema, and is accepted.
      refused: JSON that must be invalid under the schema, and is refused.
    """
    if values:
        typed = TypedValues(type_, st.sampled_from(values))
        check_converter(None, generated=st.just(typed), examples=10)
    for given in fits:
        verdict = BENCH.verdict(type_, given)
        assert verdict is not None
        assert verdict.is_valid, (given, json_schema(type_))
        BENCH.take(type_, given)
    for given in refused:
        verdict = BENCH.verdict(type_, given)
        assert verdict is not None
        assert not verdict.is_valid, (given, json_schema(type_))
        assert isinstance(BENCH.read(type_, given), Refused), given
