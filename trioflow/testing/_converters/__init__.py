"""Checks of plugins that read, write and describe their own types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from trioflow.testing._converters import (
    describing,
    holding,
    leaving,
    placing,
    reading,
    refusing,
    resuming,
    running,
    writing,
)
from trioflow.testing._converters.bench import Bench, ConverterContractError, Promise
from trioflow.testing._converters.examples import TypeExamples

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from trioflow.testing.strategies import TypedValues

__all__ = ["PROMISES", "ConverterContractError", "TypeExamples", "check_converter"]

PROMISES: tuple[Promise, ...] = (
    *leaving.PROMISES,
    *reading.PROMISES,
    *writing.PROMISES,
    *reading.MIXED,
    *describing.SCHEMAS,
    *refusing.PROMISES,
    *describing.PROMISES,
    *placing.PROMISES,
    *running.PROMISES,
    *holding.PROMISES,
    *resuming.PROMISES,
    *describing.GENERATED,
)


def check_converter(
    plugin: Any,
    *types: TypeExamples,
    generated: SearchStrategy[TypedValues] | None = None,
    examples: int = 100,
) -> None:
    """Check that a plugin reads, writes and describes its types as trioflow requires.

    It tests the hooks ``trioflow_converter`` and ``trioflow_schema``, first in isolation and
    then in runs. It calls `trio.run`, so call it from a plain ``def``::

        def test_money_is_a_type_like_any_other() -> None:
            check_converter(
                trioflow_money,
                TypeExamples(
                    Money,
                    values=[Money("1.50", "EUR")],
                    reads=[({"amount": "1.50"}, Money("1.50", "USD"))],
                    refuses=[
                        ({"amount": 1.5}, "amount: expected str, received float"),
                        ({"amonut": "1.50"}, "amonut", "amount"),
                    ],
                ),
            )

    ========== ==================================================================================
    reading    A fitting value, also of a subclass, is passed through as the same object. JSON is
               structured, also with instances in it, and so are objects with the same fields.
    writing    Values are written as plain JSON, and another engine reads equal values from it.
    refusing   Nothing is coerced, no key is dropped, and every fault has its path.
    describing A schema is complete, describes a class once, and is valid for exactly the JSON
               that is read and written.
    placing    Values can be in lists, tuples, dicts, attrs classes, dataclasses, TypedDicts,
               NamedTuples and unions, with faults at the correct paths.
    running    Values can be inputs, outputs, state, payloads, answers, and arguments and pieces
               of tools. They are equal when a run continues in another engine.
    leaving    Types of others are read, written and described as without the plugin.
    ========== ==================================================================================

    From each value, the check derives JSON that differs in one place: another type, an unknown
    key, a missing key, one item more or less. The hooks must refuse it at that place or keep it
    unchanged, and the schema must agree. Runs are checked with the given values; all other
    checks also use generated ones.

    Args:
      plugin: A module or object with the hooks, or the name of an installed plugin. None for the
        types that trioflow supports itself.
      types: The types to check, with example values. Pass some of each kind that the plugin
        supports: with and without defaults, generic, nested, recursive, in unions.
      generated: A Hypothesis strategy of further types, each with a strategy of values, such as
        `trioflow.testing.strategies.json_types` with the classes of the plugin. For each type,
        JSON is accepted if and only if it is valid under the schema, what is written is valid
        under the schema, and what is written is read back equal. The JSON is written from
        values, made up from the schema, and changed in one place.
      examples: Number of values to try from each Hypothesis strategy, and number of generated
        types.

    Raises:
      ConverterContractError: for the first broken promise. It is an AssertionError. Its cause is
        the exception that a hook raised, if any.
      PluginError: if the plugin cannot be loaded, or one of its hooks raises or returns a value.
      TypeError: if the plugin has no hook ``trioflow_converter``.
      ValueError: if no types are given or generated.
      RuntimeError: if it is called inside `trio.run`.
    """
    if trio.lowlevel.in_trio_run():
        raise RuntimeError("check_converter() calls trio.run(); call it from a plain def")
    if not types and generated is None:
        raise ValueError("check_converter() needs a type; pass TypeExamples(...) or generated=")
    bench = Bench(plugin, types, examples, generated)
    for promise in PROMISES:
        try:
            promise.check(bench)
        except AssertionError as error:
            raise ConverterContractError(promise.text, str(error)) from error
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise ConverterContractError(promise.text, problem) from error
