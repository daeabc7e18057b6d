"""A process that runs an agent and is killed at an event: ``python killed.py STORE NOTES AT``.

It recovers the run if the store has it, approves what has to be approved, and prints the output.
Just before they happen, it notes in a file: requests to the model, calls of tools, the approval.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import trio
from trioflow_agents import (
    Agent,
    Approved,
    Assistant,
    ModelRequest,
    Scripted,
    ScriptedModel,
    ToolRequest,
    approval,
)
from trioflow_agents.approving import digest_of

from trioflow import Run, events, open_engine, tool
from trioflow.abc import Instrument
from trioflow.errors import UnknownRunError

NOTES = Path(sys.argv[2])


def note(text: str) -> None:
    """Write a line that survives the process."""
    with NOTES.open("a") as file:
        file.write(f"{text}\n")


@tool
async def look(place: str) -> str:
    """Look somewhere."""
    note("begin look")
    await trio.lowlevel.checkpoint()
    return f"nothing in {place}"


@tool
async def pay(amount: int) -> str:
    """Pay."""
    note("begin pay")
    await trio.lowlevel.checkpoint()
    return f"paid {amount}"


def reply(request: ModelRequest) -> Any:
    """Reply by what was said before: three turns, with two tools."""
    turn = sum(isinstance(message, Assistant) for message in request.messages)
    note(f"ask {turn + 1}")
    if turn == 0:
        return Scripted("a", [ToolRequest("c1", "look", '{"place": "here"}')])
    if turn == 1:
        return Scripted("b", [ToolRequest("c2", "pay", '{"amount": 5}')])
    return "done"


class Killer(Instrument):
    """Kills the process at an event."""

    def __init__(self, at: int) -> None:
        self._left = at

    def on_event(self, event: events.Event) -> None:
        """Count down, and kill at zero."""
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


async def finish(run: Run[Any, Any]) -> Any:
    """Approve, and return the output."""
    result = await run.wait()
    while result.status == "suspended":
        answer = Approved(digest_of("pay", {"amount": 5}))
        note("approve")
        result = await run.resume(answer, label="pay:c2")
    return result.unwrap()


async def main(store: str, at: int) -> None:
    """Run the agent, or recover its run."""
    agent = Agent("ag", model=ScriptedModel(reply), tools=[look, approval(pay)])
    async with open_engine(
        plugins=["agents", "sql"],
        workflows=[agent],
        store=store,
        instruments=[Killer(at)],
        recover=True,
    ) as engine:
        try:
            run = await engine.load_run("r")
        except UnknownRunError:
            run = engine.submit("ag", "go", run_id="r")
        print(await finish(run))


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[3]))
