"""A small CI: jobs are commands, run side by side, killed when one fails or the run is canceled."""

from __future__ import annotations

import subprocess
import sys

import trio
from attrs import frozen

from trioflow import Limit, NonRetryableError, StepContext, Workflow, events, open_engine, step


@frozen
class Job:
    name: str
    command: list[str]


class JobFailedError(NonRetryableError):
    """A command has exited with a code other than 0."""


@step(limit=Limit("machine", 2), timeout=600)
async def run_job(job: Job, ctx: StepContext) -> str:
    """Run a command, and write its output as it comes. Cancellation kills it."""
    async with trio.open_nursery() as nursery:
        process = await nursery.start(start_process, job.command)
        try:
            async for data in process.stdout:
                await ctx.write({"job": job.name, "text": data.decode(errors="replace")})
            code = await process.wait()
        finally:
            nursery.cancel_scope.cancel()  # and with it the process, if it still runs
    if code:
        raise JobFailedError(f"{job.name} exited with {code}")
    return f"{job.name} passed"


async def start_process(
    command: list[str], task_status: trio.TaskStatus[trio.Process] = trio.TASK_STATUS_IGNORED
) -> None:
    """Start a process that this task owns; when the task is cancelled, the process is killed."""
    await trio.run_process(
        command,
        capture_stdout=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        task_status=task_status,
    )


checks = Workflow("checks", input=list[Job], output=list[str]).foreach(run_job, concurrency=4)


@step
async def publish(passed: list[str]) -> str:
    return f"published, after {len(passed)} jobs"


pipeline = Workflow("pipeline", input=list[Job], output=str).then(checks).then(publish)


async def main() -> None:
    python = sys.executable
    jobs = [
        Job("lint", [python, "-c", "print('no problems')"]),
        Job("tests", [python, "-c", "print('3 passed')"]),
    ]
    async with open_engine(workflows=[pipeline]) as engine:
        run = engine.create_run("pipeline")
        async with run.stream(jobs) as stream:
            async for event in stream:
                if isinstance(event, events.StepOutput) and event.chunk["text"].strip():
                    print(f"[{event.chunk['job']}] {event.chunk['text'].strip()}")
            print((await stream.get_workflow_state()).output)
        slow = Job("slow", [python, "-c", "import time; time.sleep(600)"])
        bad = Job("bad", [python, "-c", "raise SystemExit(3)"])
        print((await engine.create_run("pipeline").start([slow, bad])).error)


if __name__ == "__main__":
    trio.run(main)
