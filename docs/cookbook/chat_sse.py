"""A chat over Server-Sent Events: an answer streams in, and survives a client that comes back.

``hypercorn --worker-class trio chat_sse:app`` serves it. The page reconnects with Last-Event-ID,
and gets what it has missed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route

from trioflow import Engine, StepContext, Workflow, events, open_engine, step

PAGE = """<!doctype html><title>Chat</title><pre id=out></pre><script>
fetch("/ask", {method: "POST", body: JSON.stringify({question: "How is Oslo?"})})
  .then(answer => answer.json())
  .then(({run}) => {
    const source = new EventSource("/answers/" + run);
    source.onmessage = e => { document.getElementById("out").append(JSON.parse(e.data)) };
    source.addEventListener("end", () => source.close());
  });
</script>"""


@step
async def answer(question: str, ctx: StepContext) -> str:
    """Answer word by word; ask a model here."""
    words = f"You asked: {question} It is raining.".split()
    for word in words:
        await ctx.write(word + " ")
        await trio.sleep(0.01)
    return " ".join(words)


chat = Workflow("chat", input=str, output=str).then(answer)


async def home(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


async def ask(request: Request) -> JSONResponse:
    engine: Engine = request.app.state.engine
    run = engine.submit("chat", (await request.json())["question"])
    return JSONResponse({"run": run.run_id})


async def answers(request: Request) -> StreamingResponse:
    last = request.headers.get("last-event-id")
    after = int(last) if last is not None and last.isdecimal() else None
    body = lines(request.app.state.engine, request.path_params["run"], after)
    return StreamingResponse(body, media_type="text/event-stream")


async def lines(engine: Engine, run_id: str, after: int | None) -> AsyncIterator[str]:
    """Yield the chunks of a run as Server-Sent Events. An observer never blocks the run."""
    async with engine.observe(run_id, after, until="finished") as stream:
        async for event in stream:
            if isinstance(event, events.StepOutput):
                yield f"id: {event.seq}\ndata: {json.dumps(event.chunk)}\n\n"
    yield "event: end\ndata: {}\n\n"


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with open_engine(
        workflows=[chat], store="sqlite:runs.db", journal_chunks=True, recover=True
    ) as engine:
        app.state.engine = engine
        yield


app = Starlette(
    routes=[
        Route("/", home),
        Route("/ask", ask, methods=["POST"]),
        Route("/answers/{run}", answers),
    ],
    lifespan=lifespan,
)
