"""Checks that a step or tool does what workflows rely on, for the tests of its author."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import trio

from trioflow import events as ev
from trioflow.context import MISSING
from trioflow.engine import open_engine
from trioflow.steps import Step
from trioflow.testing._bodies.conduct import check_conduct
from trioflow.testing._bodies.faults import FAULTS, BodyContractError
from trioflow.testing._bodies.running import Terms
from trioflow.testing._bodies.stopping import check_leaving, check_stopping
from trioflow.testing._bodies.values import Values
from trioflow.tools import Tool

__all__ = ["FAULTS", "BodyContractError", "check_step", "check_tool"]

POINTS = 25
"""Maximum number of moments of each kind at which the body is canceled for one example."""
POINTS_OF_MANY = 4
"""The same for each of many generated inputs."""


def check_step(
    step: Step[Any, Any],
    input: Any = MISSING,
    *,
    seconds: float = 1.0,
    blocking: float = 0.1,
    raises: tuple[type[Exception], ...] = (),
    deterministic: bool = False,
    answers: Mapping[str, Any] | None = None,
    resume: Any = MISSING,
    examples: int = 20,
    **engine: Any,
) -> None:
    """Check that a step does what workflows rely on, for one input or many.

    It runs the step in isolation, many times: once undisturbed, then canceled at its first wait,
    its second, ... and just before each of its turns. It calls `trio.run` itself, so call it from
    a test that is a plain ``def``, not from an async one::

        def test_forecasts_can_be_relied_on() -> None:
            check_step(fetch_forecast, City("Oslo"))

    It uses a virtual clock: sleeping takes no real time, and seconds are those of the step. Only
    the work of threads takes real time. The first fault is reported by its name, with where it
    was seen, the events around it, and a remedy:

    ============================================ ================================================
    ``does not accept this input``               the input does not fit its type
    ``has types without a schema``               ``json_schema`` fails for one of its types
    ``takes input that JSON cannot carry``       the input differs when it is read back from the
                                                 journal, after a crash
    ``returns output that JSON cannot carry``    the same for the output
    ``returns another type than annotated``      the output does not fit its type
    ``emits values that JSON cannot carry``      a chunk, a piece or a payload has no JSON form
    ``changes its input``                        its siblings and the events share the input
    ``fails``                                    with an exception that is not in *raises*
    ``raises an error that cannot be pickled``   so it cannot be raised from another process
    ``never ends``                               it waits for something that never happens
    ``is not deterministic``                     its events differ; only with *deterministic*
    ``blocks the event loop``                    nothing else can run for more than *blocking*
    ``ignores cancellation``                     it continues for more than *seconds* after a
                                                 cancellation or the deadline of a caller
    ``swallows cancellation``                    it was canceled, but returned or raised
    ``leaks resources``                          a task, thread, channel, file or socket
    ``uses its context after it has ended``      its context is valid only while the body runs
    ============================================ ================================================

    A body that runs in another process (with a *runner* of a plugin) is not watched while it
    runs there, but its input, its output and its leaks in this process are checked. Each run has
    its own engine, so the check starts that many processes. Endless work in a thread or process
    is not detected: then the check does not end either.

    Args:
      step: The step.
      input: Its input: a value, or a Hypothesis strategy of values. If not given, a strategy is
        made from its type, which needs Hypothesis.
      seconds: How long it may continue after a cancellation: virtual seconds if it sleeps, real
        seconds if it works in a thread.
      blocking: How many real seconds it may block the event loop. It is measured up to three
        times, so that a busy machine does not count.
      raises: Exceptions that the step may raise.
      deterministic: Whether it promises the same events for the same input.
      answers: Data of named events; each is sent once whenever the step waits for its name. Also
        the answers to questions of ``ctx.ask``, by their labels.
      resume: The answer if it suspends, and to its other questions. If not given, its run ends when
        it suspends.
      examples: Number of inputs to try from a strategy.
      engine: Options for `open_engine`, such as ``plugins`` with the tools that it calls by
        id; by default without plugins.

    Raises:
      BodyContractError: for the first fault. It is an AssertionError.
      TypeError: if *step* is not a step, or no input is given and none can be generated.
      RuntimeError: if it is called inside `trio.run`.
      TrioflowError: if the step cannot run at all, because a runner or a limit is missing.
    """
    _expect(Step, step)
    terms = Terms(step, seconds, blocking, raises, deterministic, answers or {}, resume, engine)
    _check(terms, input, examples)


def check_tool(
    tool: Tool[..., Any],
    arguments: Any = MISSING,
    *,
    seconds: float = 1.0,
    blocking: float = 0.1,
    raises: tuple[type[Exception], ...] = (),
    deterministic: bool = False,
    answers: Mapping[str, Any] | None = None,
    examples: int = 20,
    **engine: Any,
) -> None:
    """Check that a tool does what steps rely on, for one set of arguments or many.

    It checks the same as `check_step`, in a step that only calls the tool. A streaming tool is
    also closed early, after its first piece and in the middle. Tools are also checked for:

    =========================================== ============================================
    ``yields inside a nursery or cancel scope`` it could cancel the consumer of its pieces
    ``ignores being closed``                    it is closed, but continues for more than
                                                *seconds*, or yields another piece
    ``leaves context variables set``            the step that calls it would see them
    =========================================== ============================================

    ::

        def test_suggestions_can_be_relied_on() -> None:
            check_tool(suggest, {"forecast": Forecast("Oslo", 12.5)})

    Args:
      tool: The tool.
      arguments: Arguments by name: a mapping, or a Hypothesis strategy of mappings. If not
        given, a strategy is made from the types of its parameters, which needs Hypothesis.
      seconds, blocking, raises, deterministic, answers, examples, engine: As for `check_step`.

    Raises: as `check_step` does.
    """
    _expect(Tool, tool)
    terms = Terms(tool, seconds, blocking, raises, deterministic, answers or {}, MISSING, engine)
    _check(terms, arguments, examples)


def _expect(kind: type[Step[Any, Any]] | type[Tool[..., Any]], given: object) -> None:
    if not isinstance(given, kind):
        name = kind.__name__.lower()
        raise TypeError(f"check_{name}() expects a {name} made with @{name}, not {given!r}")


def _check(terms: Terms, given: Any, examples: int) -> None:
    if trio.lowlevel.in_trio_run():
        raise RuntimeError(
            f"{terms.where} cannot be checked inside trio.run(), because the check calls "
            "trio.run() itself; call the check from a plain def"
        )
    values = trio.run(_values, terms)
    values.check_schemas()
    if given is not MISSING and not _is_strategy(given):
        _check_example(terms, values, given, POINTS)
        return
    from trioflow.testing._bodies.generated import check_generated

    def check(value: Any) -> None:
        _check_example(terms, values, value, POINTS_OF_MANY)

    check_generated(terms, values, given, examples, check)


async def _values(terms: Terms) -> Values:
    async with open_engine(**terms.options()) as engine:
        return Values(terms, engine.converter)


def _is_strategy(given: Any) -> bool:
    """Return whether a value is a strategy; works without importing Hypothesis."""
    module = sys.modules.get("hypothesis.strategies")
    return module is not None and isinstance(given, module.SearchStrategy)


def _check_example(terms: Terms, values: Values, given: Any, points: int) -> None:
    value = values.take(given)
    seen = check_conduct(terms, values, value)
    check_stopping(terms, value, seen, points)
    if isinstance(terms.definition, Tool) and terms.definition.streaming:
        pieces = sum(isinstance(event, ev.ToolCallDelta) for event in seen.events)
        check_leaving(terms, value, pieces)
