"""The two workflows on LlamaIndex's workflow server: with the interpreter of its environment.

Prints its URL as its first line.
"""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import uvicorn
from llama_agents.server import WorkflowServer
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent


class Order(StartEvent):
    gate: str
    count: int
    pause: float


class Tick(Event):
    tick: int
    at: float


def is_open(gate: str) -> bool:
    return Path(gate).exists()


class Ticks(Workflow):
    @step
    async def tick(self, ctx: Context, order: Order) -> StopEvent:
        while not is_open(order.gate):  # noqa: ASYNC110 - another process opens it
            await asyncio.sleep(0.01)
        for number in range(order.count):
            ctx.write_event_to_stream(Tick(tick=number, at=time.time()))
            # Writing does not wait, so without a pause nothing would be sent before the end.
            await asyncio.sleep(order.pause)
        return StopEvent(result=order.count)


class Number(StartEvent):
    number: int


class Again(Event):
    number: int


class Sums(Workflow):
    @step
    async def add(self, event: Number) -> Again:
        return Again(number=event.number + 1)

    @step
    async def again(self, event: Again) -> StopEvent:
        return StopEvent(result=event.number + 1)


def main() -> None:
    server = WorkflowServer()
    server.add_workflow("ticks", Ticks(timeout=None))
    server.add_workflow("sums", Sums(timeout=None))
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(server.app, log_level="error", access_log=False)
    asyncio.run(uvicorn.Server(config).serve([listening]))


if __name__ == "__main__":
    main()
