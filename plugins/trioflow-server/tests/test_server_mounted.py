"""The application beside other routes, and the program of the README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import trio
from hypercorn.config import Config
from hypercorn.trio import serve as serve_with_hypercorn
from starlette.applications import Starlette
from starlette.routing import Mount
from trioflow_server import ServerOptions, create_app

from trioflow import open_engine

from .flows import FLOWS
from .sockets import open_raw

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
OPEN = ServerOptions(allow_unauthenticated=True)


async def serve_anywhere(
    app: Any, stop: trio.Event, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve an application with hypercorn itself, and report its URL."""
    config = Config()
    config.bind, config.errorlog = ["127.0.0.1:0"], None
    async with trio.open_nursery() as nursery:
        [url] = await nursery.start(
            lambda task_status: serve_with_hypercorn(
                app, config, shutdown_trigger=stop.wait, task_status=task_status
            )
        )
        task_status.started(url)


async def test_the_program_of_the_readme_serves_both() -> None:
    [program] = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    found: list[httpx.Response] = []

    async def serve(site: Any) -> None:
        stop = trio.Event()
        async with trio.open_nursery() as nursery:
            url = await nursery.start(serve_anywhere, site, stop)
            async with httpx.AsyncClient(base_url=url) as client:
                found.append(await client.get("/hello"))
                path = "/flows/api/workflows/doubled/start-async"
                found.append(await client.post(path, json={"inputData": 4}))
                found.append(await client.get("/flows/"))
            stop.set()

    names: dict[str, Any] = {"serve": serve}
    exec(program, names)
    await names["main"]()

    assert found[0].text == "hello"
    assert found[1].json()["result"] == 8
    assert 'href="/flows/static/page.css"' in found[2].text


async def test_an_application_around_ends_its_streams_with_its_lifespan() -> None:
    async with open_engine(store="memory:", plugins=[], workflows=FLOWS) as engine:
        app = create_app(engine, OPEN)
        await engine.start_once("slow", 1, run_id="r")
        async with trio.open_nursery() as nursery:
            stop, closed = trio.Event(), trio.Event()
            url = await nursery.start(serve_anywhere, Starlette(routes=[Mount("/x", app)]), stop)
            async with open_raw(url) as raw:
                await raw.request("GET", "/x/api/workflows/slow/runs/r/events")
                await raw.until(b"step-start")
                async with app.lifespan():
                    closed.set()
                assert b": the server is closing" in await raw.until(b"closing")
            stop.set()


async def test_the_application_takes_part_in_the_lifespan_of_a_server() -> None:
    async with open_engine(store="memory:", plugins=[], workflows=FLOWS) as engine:
        app = create_app(engine, OPEN)
        async with trio.open_nursery() as nursery:
            stop = trio.Event()
            url = await nursery.start(serve_anywhere, app, stop)
            async with httpx.AsyncClient(base_url=url) as client:
                assert (await client.get("/health")).status_code == 200
            stop.set()

        assert app.service.closing.is_set()
