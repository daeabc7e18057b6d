"""What an agent costs beside its model: ``python -m benchmarks.agents``.

Needs ``plugins/trioflow-agents[test]``. A server on a real socket streams pieces of text, once to
the bare client of OpenAI and once to an agent whose events are read. The figures are CPU time of
this process, the server's included. Then come the CPU time of a turn with a tool call and a model
without a network, and the bytes of conversations and their journals.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import openai
import trio
import trioflow_agents as ta

from trioflow import Workflow, open_engine, tool
from trioflow.abc import Append
from trioflow.errors import JournalConflictError
from trioflow.stores import MemoryStore

SERVER = Path(__file__).parents[1] / "plugins" / "trioflow-agents" / "tests" / "model_server.py"
PIECES = 2000
TURNS = 20
TIMES = 3


@tool
async def look(text: str) -> str:
    """Return a long text."""
    return text * 10


def scripted(turns: int) -> Workflow[Any, Any]:
    """Return an agent whose model calls a tool in each turn but the last."""

    def reply(request: ta.ModelRequest) -> Any:
        said = sum(isinstance(message, ta.Assistant) for message in request.messages)
        if said == turns - 1:
            return "x" * 700
        call = ta.ToolRequest(f"c{said}", "look", '{"text": "%s"}' % ("z" * 70))
        return ta.Scripted("y" * 700, [call])

    stop = ta.Stop(turns)
    return ta.Agent("ag", model=ta.ScriptedModel(reply), tools=[look], stop=stop)


class Counting(MemoryStore):
    """A store that counts the characters of its entries."""

    size = 0

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        self.size += sum(len(entry.text) for append in appends for entry in append.entries)
        return await super().append(appends)


async def bare(url: str) -> None:
    """Read a reply with the client alone."""
    message: Any = {"role": "user", "content": "go"}
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key") as client:
        stream = await client.chat.completions.create(model="m", messages=[message], stream=True)
        async for _ in stream:
            pass


async def as_agent(url: str) -> None:
    """Read the events of an agent that gets the same reply."""
    model = ta.OpenAIModel("m", base_url=f"{url}/v1", api_key="key")
    agent = ta.Agent("ag", model=model)
    async with (
        open_engine(plugins=["agents"], workflows=[agent]) as engine,
        engine.create_run("ag").stream("go") as stream,
    ):
        async for _ in stream:
            pass


async def seconds(work: Callable[[], Awaitable[Any]]) -> float:
    """Return the least CPU time that some work took."""
    taken = []
    for _ in range(TIMES):
        began = time.process_time()
        await work()
        taken.append(time.process_time() - began)
    return min(taken)


async def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore", ResourceWarning)  # the bare client leaves generators open
    spec: Any = importlib.util.spec_from_file_location("model_server", SERVER)
    server = sys.modules["model_server"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    async with server.serve_replies(ta.Scripted(["word "] * PIECES)) as serving:
        alone = await seconds(lambda: bare(serving.url)) / PIECES * 1e6
        whole = await seconds(lambda: as_agent(serving.url)) / PIECES * 1e6
    print(f"per piece: bare client {alone:.0f} us, agent and reader {whole:.0f} us")
    for store in (None, "memory:"):
        agent = scripted(TURNS)
        async with open_engine(plugins=["agents"], workflows=[agent], store=store) as engine:
            turn = await seconds(lambda: engine.submit("ag", "go").wait()) / TURNS * 1e3
        print(f"per turn with a tool call, store {store}: {turn:.2f} ms")
    for turns in (5, 10, 20, 40):
        counting = Counting()
        async with open_engine(
            plugins=["agents"], workflows=[scripted(turns)], store=counting
        ) as engine:
            run = engine.submit("ag", "go")
            await run.wait()
        said = sum(len(str(message)) for message in ta.history(run))
        ratio = counting.size / said
        print(f"{turns} turns: conversation {said:,}, journal {counting.size:,} ({ratio:.1f} x)")


if __name__ == "__main__":
    trio.run(main)
