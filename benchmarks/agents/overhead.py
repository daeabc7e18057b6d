"""The CPU time of turns and pieces, by hand and with an agent."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import openai
import trioflow_agents as ta

from benchmarks.agents.serving import agent_of, ask_bare, load_server, script
from trioflow import Engine, Workflow, open_engine

TURNS = 20
PIECES = 2000
ROUNDS = 7

Work = Callable[[], Awaitable[Any]]


async def least(works: Mapping[str, Work], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the least CPU seconds of each work; they take turns, to have the same luck."""
    for work in works.values():
        await work()  # imports, opens connections, makes plans
    found = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            began = time.process_time()
            await work()
            found[name] = min(found[name], time.process_time() - began)
    return found


async def turn_times() -> dict[str, float]:
    """Return the seconds of a turn: of the bare client, and of an agent with several stores."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = await stack.enter_async_context(load_server().serve_replies(script(TURNS)))
        url = f"{server.url}/v1"
        client = openai.AsyncOpenAI(base_url=url, api_key="key")
        await stack.enter_async_context(client)
        agent = agent_of(ta.OpenAIModel("m", base_url=url, api_key="key"), TURNS)
        works: dict[str, Work] = {"bare client": lambda: ask_bare(client)}
        stores = {
            "agent": None,
            "agent, store in memory": "memory:",
            "agent, SQLite": f"sqlite:{Path(folder, 'runs.db')}",
        }
        for name, store in stores.items():
            plugins = ["agents", "sql"]
            opening = open_engine(plugins=plugins, workflows=[agent], store=store)
            works[name] = run_in(await stack.enter_async_context(opening), agent)
        found = await least(works)
    return {name: seconds / TURNS for name, seconds in found.items()}


def run_in(engine: Engine, agent: Workflow[Any, Any]) -> Work:
    """Return a function that runs an agent in an engine."""

    async def run() -> None:
        (await engine.submit(agent.id, "go").wait()).unwrap()

    return run


async def piece_times() -> tuple[float, float]:
    """Return the seconds of a piece of text: of the bare client, and of an agent with a reader."""
    async with AsyncExitStack() as stack:
        reply = ta.Scripted(["word "] * PIECES)
        server = await stack.enter_async_context(load_server().serve_replies(reply))
        url = f"{server.url}/v1"
        client = openai.AsyncOpenAI(base_url=url, api_key="key")
        await stack.enter_async_context(client)
        agent = ta.Agent("ag", model=ta.OpenAIModel("m", base_url=url, api_key="key"))
        engine = await stack.enter_async_context(open_engine(plugins=["agents"], workflows=[agent]))

        async def read() -> None:
            async with engine.create_run("ag").stream("go") as stream:
                async for _ in stream:
                    pass

        found = await least({"bare": lambda: ask_bare(client), "agent": read}, 3)
    return found["bare"] / PIECES, found["agent"] / PIECES
