"""Promises about state: values as a part of it, and as the whole state."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

import attrs

from trioflow._values.structure import fields_of, join, type_name
from trioflow.context import StepContext
from trioflow.steps import Step, step
from trioflow.testing._converters.bench import Bench, Promise, expect
from trioflow.testing._converters.engine import run_each
from trioflow.testing._converters.running import refused_by, taken_by
from trioflow.testing._converters.values import shortened, union_of
from trioflow.testing._converters.variants import UNKNOWN
from trioflow.workflow import Workflow


def state_of(type_: Any) -> Any:
    """Return a class for states that hold a value of a type."""
    item = attrs.field(type=union_of(type_, None), default=None)
    return attrs.make_class("Holding", {"item": item}, frozen=True)


def values_are_state(bench: Bench) -> None:
    """Check values in the state, passed at the start or set by steps."""
    for each in bench.types:
        holding = state_of(each.type)
        workflow = Workflow[Any, Any]("check", state=holding).then(_setter())
        written = [(bench.write(value), value) for value in each.fitting()]
        taken = [*taken_by(each), *written]
        refused = list(refused_by(bench, each))
        for start in (_at_the_start, _by_a_step):
            seen = run_each(bench, workflow, [start(given) for given, _ in [*taken, *refused]])
            for (given, value), run in zip(taken, seen, strict=False):
                run.unwrap()
                found = run.ended().state
                expect(found, holding(value), f"the state with {shortened(given)}")
            for (given, paths), run in zip(refused, seen[len(taken) :], strict=True):
                wanted = {join("item", path) for path in paths}
                run.expect_faults(wanted, f"{shortened(given)} in the state")


def _at_the_start(given: Any) -> dict[str, Any]:
    return {"input_data": {}, "initial_state": {"item": given}}


def _by_a_step(given: Any) -> dict[str, Any]:
    return {"input_data": {"item": given}}


def _setter() -> Step[Any, Any]:
    """Return a step that sets all keys of its input in the state."""

    @step
    async def set_state(updates: Any, ctx: StepContext[Any]) -> None:
        ctx.set_state(updates)

    return set_state


# ---------------------------------------------------------------- values as the whole state
def classes_are_state(bench: Bench) -> None:
    """Check values that are the whole state, and setting their fields."""
    for each in bench.types:
        cls = typing.get_origin(each.type) or each.type
        if each.opaque or not isinstance(cls, type):
            continue
        values = [value for value in each.fitting() if _can_be_set(bench, cls, value)]
        for before, value in zip([*values[1:], *values[:1]], values, strict=True):
            _check_state(bench, each.type, before, value, _updates(bench, value))


def _can_be_set(bench: Bench, cls: Any, value: Any) -> bool:
    """Return whether a value is an instance of a class with fields that all have a JSON form.

    A field without a JSON form marks a missing value, which cannot be set.
    """
    fields = fields_of(value)
    if fields is None or not isinstance(value, cls):
        return False
    return all(map(bench.can_write, fields.values()))


def _updates(bench: Bench, value: Any) -> dict[str, Any]:
    """Return what a step may set the fields to: JSON, where it can be read."""
    return {name: bench.write(field) for name, field in (fields_of(value) or {}).items()}


def _check_state(
    bench: Bench, type_: Any, before: Any, value: Any, updates: Mapping[str, Any]
) -> None:
    workflow = Workflow[Any, Any]("check", state=type_).then(_setter())
    starts = [
        {"input_data": {}, "initial_state": value},
        {"input_data": {}, "initial_state": bench.write(value)},
        {"input_data": updates, "initial_state": before},
        {"input_data": {UNKNOWN: 1}, "initial_state": value},
    ]
    *good, wrong = run_each(bench, workflow, starts)
    for start, run in zip(starts, good, strict=False):
        run.unwrap()
        what = f"the state {type_name(type_)} after {shortened(start)}"
        expect(run.ended().state, value, what)
    wrong.expect_faults({UNKNOWN}, "an unknown key of the state")


PROMISES = (
    Promise("values can be part of a run's state", values_are_state),
    Promise("an instance with fields can be a run's state", classes_are_state),
)
