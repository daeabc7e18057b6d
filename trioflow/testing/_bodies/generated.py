"""Inputs for steps and tools, generated with Hypothesis, if necessary from their types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument, ResolutionFailed

from trioflow._values.structure import type_name
from trioflow.context import MISSING
from trioflow.errors import NotSerializableError
from trioflow.steps import Step
from trioflow.testing._bodies.running import Terms
from trioflow.testing._bodies.values import Values


def check_generated(
    terms: Terms,
    values: Values,
    strategy: Any,
    examples: int,
    check_one: Callable[[Any], None],
) -> None:
    """Check a step or tool with inputs from a strategy, or from one made from its types."""
    if strategy is MISSING:
        strategy = _strategy_of(terms).filter(lambda value: _is_finite(values, value))

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(strategy)
    def check(input: Any) -> None:
        check_one(input)

    check()


def _strategy_of(terms: Terms) -> st.SearchStrategy[Any]:
    definition = terms.definition
    if isinstance(definition, Step):
        return _from_type(terms, definition.input, "input")
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for parameter in definition.parameters:
        made = _from_type(terms, parameter.type, f"argument {parameter.name!r}")
        (required if parameter.required else optional)[parameter.name] = made
    return st.fixed_dictionaries(required, optional=optional)


def _from_type(terms: Terms, type_: Any, what: str) -> st.SearchStrategy[Any]:
    try:
        strategy = st.from_type(type_)
        strategy.validate()
    except (InvalidArgument, ResolutionFailed) as exc:
        raise TypeError(
            f"no {what} of type {type_name(type_)} can be generated for {terms.where}; "
            "pass a value or a strategy to the check"
        ) from exc
    return strategy


def _is_finite(values: Values, value: Any) -> bool:
    """Return whether a value is free of NaN and infinity, which float annotations rarely mean."""
    try:
        values.text(value)
    except NotSerializableError as error:
        return not error.problem.startswith("is the float ")
    return bool(value == value)
