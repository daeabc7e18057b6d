"""Explains on the command line why a run failed."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

import outcome
import trio

import trioflow
from trioflow._cli.errors import explain
from trioflow._cli.places import place_of
from trioflow._cli.text import clean
from trioflow.addresses import Address
from trioflow.errors import DefinitionError, TrioflowError
from trioflow.results import RunResult
from trioflow.step_record import StepRecord

FRAMES = 8
"""Maximum number of frames of a step's traceback that are shown: the innermost ones."""


def explain_failure(result: RunResult[Any], calls: Iterable[StepRecord] = ()) -> str:
    """Return a report of a failed run: each error with the step's own part of its traceback."""
    found = failures(result, calls)
    return clean("\n".join(_one(where, error) for where, error in found)).rstrip("\n")


def failures(
    result: RunResult[Any], calls: Iterable[StepRecord] = ()
) -> list[tuple[str, BaseException]]:
    """Return each error of a failed run once, with the step or workflow that raised it.

    A nested workflow fails with the error of its step, which is then attributed to the step.

    Args:
      result: The result of the run. It has the last call of each step.
      calls: All calls of the run, if they are available.
    """
    found: list[tuple[str, BaseException]] = []
    seen: set[int] = set()
    records = [record for record in (*calls, *result.steps.values()) if record.error is not None]
    records.sort(key=_depth, reverse=True)
    failed = [(f"step {place_of(record.id, record.address)!r}", record.error) for record in records]
    for where, error in (*failed, (f"workflow {result.workflow_id!r}", result.error)):
        for leaf in _leaves(error):
            if id(leaf) not in seen:
                seen.add(id(leaf))
                found.append((where, leaf))
    return found


def _depth(record: StepRecord) -> int:
    return sum(1 for _ in Address.parse(record.address).walk())


def canceled_steps(result: RunResult[Any]) -> list[str]:
    """Return the ids of the canceled steps; of nested ones only the innermost."""
    ids = [record.id for record in result.steps.values() if record.status == "canceled"]
    return [id for id in ids if not any(other.startswith(f"{id}.") for other in ids)]


def _leaves(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    elif error is not None:
        yield error


def _one(where: str, error: BaseException) -> str:
    if isinstance(error, DefinitionError):  # it says what to do
        return f"{where} failed: {explain(error)}"
    if isinstance(error, TrioflowError) and not _own_frames(error.__traceback__):
        return f"{where} failed: {explain(error)}"
    shown = traceback.TracebackException.from_exception(error)
    _shorten(shown)
    return f"{where} failed\n{''.join(shown.format())}"


def _own_frames(trace: Any) -> list[traceback.FrameSummary]:
    return [frame for frame in traceback.extract_tb(trace) if not _is_machinery(frame)]


def _shorten(shown: traceback.TracebackException) -> None:
    """Drop the frames of the engine, of Trio and of its threads, also in causes and members."""
    frames = [frame for frame in shown.stack if not _is_machinery(frame)]
    shown.stack = traceback.StackSummary.from_list(frames[-FRAMES:])
    for other in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if other is not None:
            _shorten(other)


def _is_machinery(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(_MACHINERY)


_MACHINERY = tuple(
    os.path.dirname(module.__file__) + os.sep
    for module in (trioflow, trio, outcome)
    if module.__file__
)
