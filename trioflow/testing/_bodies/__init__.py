"""What every step and tool promises, as checks for the tests of those who write them."""

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
"""At how many moments of each kind the body is canceled for one example."""
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

    It runs the step by itself, again and again: once in peace, then canceled while it waits
    for the first time, the second, ... and just before each of its turns. So call it from a
    plain ``def`` of a test, not from an async one::

        def test_forecasts_can_be_relied_on() -> None:
            check_step(fetch_forecast, City("Oslo"))

    It has a virtual clock: sleeping takes no time, and seconds are those of the step. Only
    what threads do takes real time. The first thing that is wrong is reported by its name,
    with where it was seen, the events around it, and what to do:

    ============================================ ================================================
    ``does not take this input``                 the input does not fit its type
    ``has types without a schema``               `json_schema` cannot describe one of its types
    ``takes what JSON cannot carry``             the input is another one when it comes back
                                                 from the journal, after a crash
    ``gives what JSON cannot carry``             so is the output
    ``gives what its annotation does not say``   the output does not fit its type
    ``emits what JSON cannot carry``             a chunk, a piece or a payload has no JSON form
    ``changes its input``                        which its siblings and the events share
    ``fails``                                    with an exception that is not in *raises*
    ``raises what cannot be pickled``            so that it cannot come from another process
    ``never ends``                               it waits for what never comes
    ``emits other events each time``             only looked at if it is *deterministic*
    ``blocks the event loop``                    nothing else can run for more than *blocking*
    ``ignores cancellation``                     it goes on for more than *seconds* when it is
                                                 canceled, or the deadline of a caller has passed
    ``swallows cancellation``                    it was canceled, and gave or raised something
    ``leaves something behind``                  a task, thread, channel, file or socket
    ``uses its context too late``                when its body has ended
    ``leaves context variables set``             for the steps that come after it
    ============================================ ================================================

    A body that runs in another process (a *runner* of a plugin) is not watched while it runs
    there; what it takes, gives and leaves here is checked all the same. Each run has an engine
    of its own, so it takes as long as starting that many processes. Work without end in a
    thread or process is not noticed: then the check does not end either.

    Args:
      step: The step.
      input: What to give it: a value, or a Hypothesis strategy of values. If not given, a
        strategy is made from its type; that needs Hypothesis.
      seconds: How long it may go on when it is canceled: virtual seconds of what sleeps,
        real ones of what works in a thread.
      blocking: How many real seconds it may keep the event loop. A machine that is busy
        with others does not count, for it is measured up to three times.
      raises: Exceptions that are an answer, too.
      deterministic: Whether it promises the same events for the same input.
      answers: Data of named events; each is sent once whenever the step waits for its name. Also
        the answers to questions of ``ctx.ask``, by their labels.
      resume: The answer if it suspends, and to its other questions. If not given, its run ends when
        it suspends.
      examples: How many inputs to try, of a strategy.
      engine: Options for `open_engine`, such as ``plugins`` with the tools that it calls by
        id; no plugins if not given.

    Raises:
      BodyContractError: for the first thing that is wrong. It is an AssertionError.
      TypeError: if it is no step, or has no input and none can be generated for its type.
      RuntimeError: if it is called inside of `trio.run`.
      TrioflowError: if the step cannot be run at all, for want of a runner or a limit.
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

    All that `check_step` checks, in a step that does nothing but call the tool; and of a
    streaming tool, which is also left after its first piece and in the middle:

    =========================================== ============================================
    ``yields inside a nursery or cancel scope`` it would cancel who takes its pieces
    ``ignores being closed``                    it is left, and goes on for more than
                                                *seconds*, or yields another piece
    =========================================== ============================================

    ::

        def test_suggestions_can_be_relied_on() -> None:
            check_tool(suggest, {"forecast": Forecast("Oslo", 12.5)})

    Args:
      tool: The tool.
      arguments: By name: a mapping, or a Hypothesis strategy of mappings. If not given, a
        strategy is made from the types of its parameters; that needs Hypothesis.
      seconds, blocking, raises, deterministic, answers, examples, engine: as for `check_step`.

    Raises: as `check_step` does.
    """
    _expect(Tool, tool)
    terms = Terms(tool, seconds, blocking, raises, deterministic, answers or {}, MISSING, engine)
    _check(terms, arguments, examples)


def _expect(kind: type[Step[Any, Any]] | type[Tool[..., Any]], given: object) -> None:
    if not isinstance(given, kind):
        name = kind.__name__.lower()
        raise TypeError(f"check_{name}() takes what @{name} makes, not {given!r}")


def _check(terms: Terms, given: Any, examples: int) -> None:
    if trio.lowlevel.in_trio_run():
        raise RuntimeError(
            f"{terms.where} cannot be checked inside of trio.run(), for it is run again and "
            "again with a clock of its own; call the check from a plain def"
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
    """Tell whether something is a strategy, which it cannot be if nobody has Hypothesis."""
    module = sys.modules.get("hypothesis.strategies")
    return module is not None and isinstance(given, module.SearchStrategy)


def _check_example(terms: Terms, values: Values, given: Any, points: int) -> None:
    value = values.take(given)
    seen = check_conduct(terms, values, value)
    check_stopping(terms, value, seen, points)
    if isinstance(terms.definition, Tool) and terms.definition.streaming:
        pieces = sum(isinstance(event, ev.ToolCallDelta) for event in seen.events)
        check_leaving(terms, value, pieces)
