"""What to type next: the commands that go on with a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from trioflow._cli.display import say
from trioflow._cli.stores import Whereabouts
from trioflow._cli.text import clean
from trioflow._engine.history.suspensions import Suspension, suspensions
from trioflow.record import RunState

SHOWN = 5
"""How many commands are shown."""


def how_to_go_on(whereabouts: Whereabouts, run_id: str) -> None:
    """Say on standard error how an interrupted run goes on."""
    if whereabouts.lasts:
        _tell("the run can go on:", [whereabouts.command("resume", run_id)])


def how_to_answer(whereabouts: Whereabouts, state: RunState) -> None:
    """Say on standard error how to answer each step that waits for it.

    The commands can be run as they are: the answer is then read from standard input.
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
    _tell("to go on, with the answer as JSON on standard input, or in place of the -:", commands)


def _options(suspension: Suspension, waiting: Sequence[Suspension]) -> list[str]:
    """Return what tells a suspension from the others."""
    if len(waiting) == 1:
        return []
    options = ["--step", ".".join(suspension.path)]
    if sum(other.path == suspension.path for other in waiting) > 1 and suspension.index is not None:
        options += ["--index", str(suspension.index)]
    return options


def _tell(what: str, commands: Sequence[str]) -> None:
    say(what)
    for command in commands:
        print(f"  {clean(command)}", file=sys.stderr, flush=True)
