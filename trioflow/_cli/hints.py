"""Prints the commands that continue a run."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from trioflow._cli.display import say
from trioflow._cli.examples import example_of
from trioflow._cli.owners import NOBODY, owner_of
from trioflow._cli.stores import Whereabouts
from trioflow._cli.text import clean
from trioflow._cli.times import local_time
from trioflow._cli.values import preview
from trioflow._engine.history.suspensions import Suspension, suspensions
from trioflow.abc import StoredRun
from trioflow.events import Question
from trioflow.record import RunRecord
from trioflow.results import RunResult

SHOWN = 5
"""Maximum number of commands that are printed."""


def how_to_resume(whereabouts: Whereabouts, run_id: str) -> None:
    """Print on standard error how to resume an interrupted run."""
    if whereabouts.lasts:
        _suggest("to resume it:", [whereabouts.command("resume", run_id)])


def how_to_answer(whereabouts: Whereabouts, state: RunRecord) -> None:
    """Print on standard error how to answer each suspended step.

    The commands can be run as they are: they read the answer from standard input.
    """
    waiting = sorted(suspensions(state), key=lambda each: (each.path, each.index or 0))
    if not whereabouts.lasts or not waiting:
        return
    commands = [
        whereabouts.command("resume", state.run_id, *_options(each, waiting), "--data", "-")
        for each in waiting[:SHOWN]
    ]
    if len(waiting) > SHOWN:
        commands.append(f"... and {len(waiting) - SHOWN} more")
    for each in waiting[:SHOWN]:
        if each.question is not None:
            say(f"{clean(str(each))} asks {preview(each.payload)}; {_wanted(each.question)}")
    _suggest('to resume, pass the answer as JSON on stdin or instead of "-":', commands)


def how_to_try_again(whereabouts: Whereabouts, result: RunResult[Any]) -> None:
    """Print on standard error how to retry a failed run."""
    if whereabouts.lasts:
        command = whereabouts.command("retry", result.run_id)
        _suggest("to repeat what failed and reuse what succeeded:", [command])


def in_inbox(stored: StoredRun, what: str) -> None:
    """Report that a request is in the inbox of a run, and which process will handle it.

    Args:
      what: The request, such as ``"event 'go'"``.
    """
    run_id, owner = clean(stored.header.run_id), owner_of(stored)
    if owner not in ("", NOBODY):
        say(f"{what} is in the inbox of run {run_id}, which runs in {clean(owner)}")
    else:
        say(
            f"{what} is in the inbox of run {run_id}, which is not running in any process; "
            "an engine with recover=True that has the workflow, or trioflow recover, handles it"
        )


def _options(suspension: Suspension, waiting: Sequence[Suspension]) -> list[str]:
    """Return the options that identify a suspension among the others."""
    if len(waiting) == 1:
        return []
    options = ["--step", ".".join(suspension.path)]
    if suspension.key is not None and suspension.label is not None:
        options += ["--label", suspension.label]
    if sum(other.path == suspension.path for other in waiting) > 1 and suspension.index is not None:
        options += ["--index", str(suspension.index)]
    return options


def _wanted(question: Question) -> str:
    """Return a description of the answer that a question needs."""
    schema = json.dumps(question["schema"], ensure_ascii=False, separators=(",", ":"))
    until = question["until"]
    by = "" if until is None else f" by {local_time(until)}"
    example = example_of(question["schema"])
    such_as = "" if example is None else f", such as {clean(example)}"
    return f"answer with {clean(question['type'])}{by}, as JSON that fits {clean(schema)}{such_as}"


def _suggest(what: str, commands: Sequence[str]) -> None:
    say(what)
    for command in commands:
        print(f"  {clean(command)}", file=sys.stderr, flush=True)
