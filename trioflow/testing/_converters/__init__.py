"""What plugins promise that read, write and describe types of their own."""

from __future__ import annotations

from typing import Any

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
)


def check_converter(plugin: Any, *types: TypeExamples, examples: int = 100) -> None:
    """Check that a plugin reads, writes and describes its types as trioflow promises.

    It tries the hooks ``trioflow_converter`` and ``trioflow_schema``, first by themselves and
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
    reading    What fits is passed on, the very object; instances of subclasses fit. JSON is
               structured, also with instances in it, and so are objects with the same fields.
    writing    What is written is plain JSON, and another engine reads an equal value from it.
    refusing   Nothing is coerced, no key is dropped, and every fault has its path.
    describing A schema is whole, describes a class once, and is valid for exactly the JSON that
               is read and written.
    placing    Values stand in lists, tuples, dicts, attrs classes, dataclasses, TypedDicts,
               NamedTuples and unions, with the faults at their paths.
    running    Values are inputs, outputs, state, payloads, answers, arguments and pieces of tools,
               and are equal when a run continues in another engine.
    leaving    Types of others are read, written and described as without the plugin.
    ========== ==================================================================================

    From each value it derives JSON that differs in one place: another type, an unknown key, a
    missing key, one item more or less. The hooks must refuse it at that place or keep it as it
    is, and the schema must agree. Runs are tried with the values that are given, and the rest also
    with those that are generated.

    Args:
      plugin: A module or object with the hooks, or the name of an installed plugin. None for the
        types that trioflow knows by itself.
      types: The types to try, with example values. Give some of each kind that the plugin
        knows: with and without defaults, generic, nested, recursive, in unions.
      examples: How many values of each Hypothesis strategy to try.

    Raises:
      ConverterContractError: for the first promise that is broken. It is an AssertionError;
        anything else that a hook raises is its cause.
      PluginError: if the plugin cannot be loaded, or a hook of it raises or returns something.
      TypeError: if the plugin has no hook ``trioflow_converter``.
      ValueError: if no types are given.
      RuntimeError: if it is called inside of `trio.run`.
    """
    if trio.lowlevel.in_trio_run():
        raise RuntimeError("check_converter() calls trio.run(); call it from a plain def")
    if not types:
        raise ValueError("check_converter() needs a type; give it TypeExamples(...)")
    bench = Bench(plugin, types, examples)
    for promise in PROMISES:
        try:
            promise.check(bench)
        except AssertionError as error:
            raise ConverterContractError(promise.text, str(error)) from error
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise ConverterContractError(promise.text, problem) from error
