"""How soon the server of a model sees that a run was canceled."""

from __future__ import annotations

import trio
import trioflow_agents as ta

from benchmarks.agents.serving import load_server
from trioflow import events, open_engine

TIMES = 20


async def disconnects() -> tuple[list[float], bool]:
    """Cancel runs in the middle of replies.

    Returns:
      For each run the milliseconds until the server saw the connection close, and whether it saw
      that of each run before the run had ended, give or take the 5 ms that its own task may need.
    """
    reply = ta.Scripted(["word "] * 1000, pause=0.01)
    gone, in_time = [], True
    async with load_server().serve_replies(reply) as server:
        agent = ta.Agent("ag", model=ta.OpenAIModel("m", base_url=f"{server.url}/v1", api_key="k"))
        async with open_engine(plugins=["agents"], workflows=[agent]) as engine:
            for number in range(TIMES):
                run = engine.create_run("ag")
                async with run.stream("go") as stream:
                    async for event in stream:
                        if isinstance(event, events.ToolCallDelta):
                            break
                    began = trio.current_time()
                    run.cancel()
                    await run.wait()
                    ended = trio.current_time()
                while len(server.disconnected_at) <= number:  # noqa: ASYNC110 - a plain list
                    await trio.sleep(0.001)
                seen = server.disconnected_at[number]
                gone.append((seen - began) * 1e3)
                in_time = in_time and seen <= ended + 0.005
    return gone, in_time
