"""Begins a run whose tool asks, or answers it: ``restarted.py STORE LOG [ANSWER]``."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import trio
from trioflow_mcp import open_mcp

from trioflow import StepContext, Workflow, open_engine, step

STORE, LOG, *ANSWER = sys.argv[1:]
DEMO = str(Path(__file__).with_name("demo_server.py"))
server = runpy.run_path(DEMO, run_name="demo")["make_server"](Path(LOG))


@step
async def greet(greeting: str, ctx: StepContext) -> Any:
    return await ctx.call_tool("greet", greeting=greeting)


async def main() -> None:
    workflow = Workflow("greeting", input=str, output=Any).then(greet)
    async with (
        open_mcp(server) as tools,
        open_engine(tools=tools, workflows=[workflow], store=STORE) as engine,
    ):
        if ANSWER:
            result = await (await engine.load_run("r")).resume(json.loads(ANSWER[0]))
        else:
            result = await engine.submit(workflow, "hello", run_id="r").wait()
    print(result.status, result.output)


trio.run(main)
