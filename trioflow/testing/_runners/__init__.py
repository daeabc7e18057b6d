"""Checks that a runner fulfills the contract of `trioflow.abc.Runner`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from trioflow.abc import Runner
from trioflow.context import StepContext
from trioflow.errors import DefinitionError
from trioflow.events import Event
from trioflow.steps import step
from trioflow.testing._runners import calling, cancelling, sharing
from trioflow.testing._runners.bench import Bench, Promise, RunnerContractError
from trioflow.testing._runners.bodies import KINDS, Kind
from trioflow.testing._runners.leftovers import Leftovers
from trioflow.workflow import Workflow

__all__ = ["PROMISES", "RunnerContractError", "check_runner"]

PROMISES: tuple[Promise, ...] = (
    *calling.PROMISES,
    *sharing.PROMISES,
    *cancelling.PROMISES,
)
"""The promises that are checked while the runner is open."""
CHOOSING = "check() accepts a function or raises DefinitionError"
OPENING = "a runner can be opened and closed"
CLOSING = "a closed runner leaves no thread or process"
LIMIT = 30.0
"""Seconds that the check of one promise may take."""


async def check_runner(
    make_runner: Callable[[], Runner],
    *,
    carries_context: bool = True,
    places: int = 2,
    owns_processes: bool = True,
) -> None:
    """Check that a runner fulfills the contract of `trioflow.abc.Runner`.

    The check runs plain and async functions of this package, as far as the runner's own
    ``check`` accepts them. They take real time, so do not use a ``MockClock``. The check takes
    less than a second if cancellation reaches the bodies and the runner starts no processes.

    Args:
      make_runner: Creates the runner, which is opened and closed once: ``MyRunner``.
      carries_context: Whether bodies see the context variables of the task that calls
        ``run``. Not possible in another process.
      places: Minimum number of bodies that the runner can run at the same time. If it is 1,
        checks that need two of them are skipped.
      owns_processes: Whether the processes of bodies must be gone when the runner is closed.
        False if they belong to a cluster that goes on.

    Raises:
      RunnerContractError: for the first broken promise. Its cause is the exception that the
        runner raised, if any.
    """
    seen: list[Event] = []

    @step
    async def check(_: Any, ctx: StepContext[Any]) -> None:
        bench = Bench(ctx, seen, carries_context, places)
        failure = await _first_fault(make_runner(), bench, owns_processes)
        if failure is not None:
            raise failure

    # Use a run, because a runner gets the context of a real step call.
    workflow = Workflow[Any, Any]("check_runner").then(check)
    async with workflow.create_run().stream(None) as stream:
        async for event in stream:
            seen.append(event)  # noqa: PERF401 - checks read it while it grows
        result = await stream.get_workflow_state()
    result.unwrap()


async def _first_fault(
    runner: Runner, bench: Bench, owns_processes: bool
) -> RunnerContractError | None:
    leftovers = Leftovers()
    failure = None
    try:
        async with runner:
            failure = await _fault_while_open(runner, bench)
    except Exception as error:
        return failure or _fault(OPENING, error)
    left = leftovers.of(bench.processes if owns_processes else ())
    return failure or (RunnerContractError(CLOSING, ", ".join(left)) if left else None)


async def _fault_while_open(runner: Runner, bench: Bench) -> RunnerContractError | None:
    try:
        kinds = tuple(kind for kind in KINDS if _takes(runner, kind))
    except Exception as error:
        return _fault(CHOOSING, error)
    if not kinds:
        return RunnerContractError(CHOOSING, "it accepts neither plain nor async functions")
    with bench.opened(runner, kinds):
        for promise in PROMISES:
            try:
                with trio.fail_after(LIMIT):
                    await promise.check(bench)
            except Exception as error:
                return _fault(promise.text, error)
    return None


def _takes(runner: Runner, kind: Kind) -> bool:
    try:
        for fn in kind.functions:
            runner.check(fn, f"step {fn.__name__!r}")
    except DefinitionError:
        return False
    return True


def _fault(promise: str, error: Exception) -> RunnerContractError:
    match error:
        case AssertionError():
            return RunnerContractError(promise, str(error))
        case trio.TooSlowError():
            return RunnerContractError(promise, f"the check takes longer than {LIMIT} seconds")
    fault = RunnerContractError(promise, f"{type(error).__name__}: {error}")
    fault.__cause__ = error
    return fault
