"""Checks generated types: schema, input, and what is written must agree on them."""

from __future__ import annotations

import functools
import json
from typing import Any

import attrs
from hypothesis import strategies as st

from trioflow._forms.form import MAX_DEPTH
from trioflow._forms.forms import Forms
from trioflow._values.structure import type_name
from trioflow.testing._converters.bench import Bench, Refused, expect, expect_same
from trioflow.testing._converters.describing import check_whole
from trioflow.testing._converters.generated import search
from trioflow.testing._converters.inventing import invented
from trioflow.testing._converters.values import shortened
from trioflow.testing._converters.variants import variants
from trioflow.testing.strategies._typed import TypedValues

MOST_INVENTED = 3
"""Number of JSON values that are made up from the schema of one type."""


@attrs.frozen
class Case:
    """A generated type, a value of it, and JSON that may fit it."""

    type: Any
    value: Any
    choice: int
    """Which difference from the written value is tried."""
    texts: list[tuple[Any, int]]
    """JSON made up from the schema, each with the difference that is tried, too."""


def check_types(bench: Bench, types: st.SearchStrategy[TypedValues]) -> None:
    """Check as many types as the bench wants examples, each with a value and some JSON."""
    forms = Forms(lambda: bench.converter)
    search(_cases(bench, types), bench.examples, functools.partial(_check, bench, forms))


def _cases(bench: Bench, types: st.SearchStrategy[TypedValues]) -> st.SearchStrategy[Case]:
    choices = st.integers(0, 2**16)

    def of_type(typed: TypedValues) -> st.SearchStrategy[Case]:
        texts: st.SearchStrategy[list[tuple[Any, int]]] = st.just([])
        if bench.describes:
            made = st.tuples(invented(bench.schema(typed.type)), choices)
            texts = st.lists(made, max_size=MOST_INVENTED)
        return st.builds(Case, st.just(typed.type), typed.values, choices, texts)

    return types.flatmap(of_type)


def _check(bench: Bench, forms: Forms, case: Case) -> None:
    if bench.describes:
        check_whole(type_name(case.type), bench.schema(case.type))
    expect_same(bench.take(case.type, case.value), case.value, f"a value as {case.type}")
    written = bench.write(case.value)
    _check_written(bench, case.type, case.value)
    _check_recorded(forms, case.type, case.value)
    _check_variant(bench, case.type, written, case.choice)
    for invented_json, choice in case.texts:
        _check_json(bench, case.type, invented_json)
        _check_variant(bench, case.type, invented_json, choice)


def _check_written(bench: Bench, type_: Any, value: Any) -> None:
    """Check that what is written is valid, and read back equal."""
    written = bench.write(value)
    verdict = bench.verdict(type_, written)
    what = f"{shortened(value)} is written as {shortened(written)}"
    if verdict is not None and not verdict.is_valid:
        problem = f"invalid under {json.dumps(bench.schema(type_))}: {verdict.problem}"
        raise AssertionError(f"{what}, which is {problem}")
    back = bench.take(type_, written, bench.other)
    expect(back, value, f"{what}, which is read back as {type_name(type_)}")


def _check_recorded(forms: Forms, type_: Any, value: Any) -> None:
    """Check that what a journal records is read back equal."""
    form = forms.form(type_)
    plain = json.dumps(form.dump(value, MAX_DEPTH), allow_nan=False)
    back = form.load(json.loads(plain))
    expect(back, value, f"{shortened(value)} is recorded as {shortened(plain)}")


def _check_variant(bench: Bench, type_: Any, fitting: Any, choice: int) -> None:
    changed = list(variants(fitting))
    _check_json(bench, type_, changed[choice % len(changed)].json)


def _check_json(bench: Bench, type_: Any, given: Any) -> None:
    """Check that JSON is accepted if it is valid under the schema, and only then."""
    outcome, verdict = bench.read(type_, given), bench.verdict(type_, given)
    what = f"{shortened(given)} for {type_name(type_)}"
    if isinstance(outcome, Refused):
        # Only the hooks can decide whether a string has a format that the schema only names.
        if verdict is not None and verdict.is_valid and not verdict.undecided:
            problem = f"valid under {json.dumps(bench.schema(type_))}, but refused: {outcome}"
            raise AssertionError(f"{what} is {problem}")
        return
    if verdict is not None and not verdict.is_valid:
        problem = f"{json.dumps(bench.schema(type_))}: {verdict.problem}"
        raise AssertionError(f"{what} is accepted, but invalid under {problem}")
    _check_written(bench, type_, outcome.value)
