"""A process that runs an agent and is killed at an event, many times: ``python killed.py``.

It reads lines of JSON: ``[STORE, NOTES, AT, OUT]``. Each is done by a fork of the process, which
has imported everything, and answered with its exit code. The fork recovers the run if the store
has it, approves what has to be approved, and writes the output to the file OUT. Just before they
happen, it notes in the file NOTES: requests to the model, calls of tools, the approval.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
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

notes: list[Path] = []
"""The file of this fork; none in the process itself."""


def note(text: str) -> None:
    """Write a line that survives the process."""
    for path in notes:
        with path.open("a") as file:
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


async def main(store: str, at: int) -> str:
    """Run the agent, or recover its run, and return the output."""
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
        output: str = await finish(run)
    return output


def fork(work: Callable[[], None]) -> int:
    """Call a function in a fork, and return its exit code; minus the number of its signal."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def import_all(folder: str) -> None:
    """Import what a run imports. It is run in a fork: threads of this process would not survive."""
    names = Path(folder, "names")

    def run() -> None:
        trio.run(main, f"sqlite:{folder}/runs.db", -1)
        names.write_text("\n".join(sys.modules))

    assert fork(run) == 0
    for name in names.read_text().splitlines():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def serve() -> None:
    """Do what the lines say."""
    with tempfile.TemporaryDirectory() as folder:
        import_all(folder)
    for line in sys.stdin:
        store, noted, at, out = json.loads(line)

        def run(store: str = store, noted: str = noted, at: int = at, out: str = out) -> None:
            notes.append(Path(noted))
            Path(out).write_text(trio.run(main, store, at))

        print(fork(run), flush=True)


if __name__ == "__main__":
    serve()
