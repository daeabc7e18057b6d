"""A process that runs schedules; it may kill itself between a decision and the start of its run.

``python scheduler.py URL FILE MODE``: writes a line to FILE for each body. MODE ``"dies"``: it is
killed when it has decided about its first tick.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import trio
import trio.testing

from trioflow import Every, Schedule, StepContext, Workflow, open_engine, step
from trioflow.abc import TickRecord
from trioflow.schedules import Schedules

URL, FILE, MODE = sys.argv[1:]


@step
async def note(value: int, ctx: StepContext) -> int:
    with Path(FILE).open("a") as file:  # noqa: ASYNC230 - one line
        file.write(f"{ctx.run_id} {os.getpid()}\n")
    return value


FLOW = Workflow("noted", input=int, output=int).then(note)
SCHEDULE = Schedule("s", FLOW, Every(1), 1, overlap="allow", catch_up=600, missed="all")


async def die(schedules: Schedules) -> None:
    async with schedules.observe() as records:
        record: TickRecord
        async for record in records:
            if record.decision == "decided":
                with Path(FILE).open("a") as file:  # noqa: ASYNC230
                    file.write(f"killed {record.run_id}\n")
                os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    options: Any = {"plugins": ["sql"], "workflows": [FLOW], "store": URL}
    async with (
        open_engine(schedules=[SCHEDULE], **options) as engine,
        trio.open_nursery() as nursery,
    ):
        if MODE == "dies":
            nursery.start_soon(die, engine.schedules)
            await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(engine.run_schedules)


trio.run(main)
