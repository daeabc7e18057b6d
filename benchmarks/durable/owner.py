"""The other process: ``python -m benchmarks.durable.owner JOB URL``."""

from __future__ import annotations

import sys
import time

import trio
from trioflow_sql import SqlStore

from trioflow import StepContext, Workflow, events, open_engine, step

EVENTS = 15
"""How many events the step waits for, one after the other."""


@step
async def waits(value: int, ctx: StepContext) -> int:
    if ctx.attempt == 1:
        print("running", flush=True)
        await trio.sleep_forever()
    return value


@step
async def hears(value: int, ctx: StepContext) -> int:
    print("waiting", flush=True)
    for number in range(EVENTS):
        sent = await ctx.wait_for(f"event{number}", float)
        print(time.time() - sent, flush=True)
    return value


killed = Workflow("killed", input=int, output=int).then(waits)
listening = Workflow("listening", input=int, output=int).then(hears)


async def drive(workflow: Workflow[int, int], url: str) -> None:
    async with open_engine(plugins=[], workflows=[workflow], store=SqlStore(url)) as engine:
        await engine.submit(workflow, 0, run_id="r").wait()


async def recover(url: str) -> None:
    """Print when the engine is open, and when the run of the dead process continues."""
    print("ready", flush=True)
    sys.stdin.readline()  # it has died
    async with open_engine(
        plugins=[], workflows=[killed], store=SqlStore(url), recover=True
    ) as engine:
        print(time.time())
        async with engine.observe("r") as stream:
            async for event in stream:
                if isinstance(event, events.Recover):
                    print(event.at)
                    return


def main() -> None:
    job, url = sys.argv[1:]
    if job == "recover":
        trio.run(recover, url)
    else:
        trio.run(drive, killed if job == "killed" else listening, url)


if __name__ == "__main__":
    main()
