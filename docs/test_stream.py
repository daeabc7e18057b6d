"""The page of "Stream to a browser" shows what a run writes, in a browser."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from _tools.browsing import find_browser, open_browser

PAGE = (Path(__file__).parent / "howto" / "stream.md").read_text("utf-8")
HTML = re.compile(r"^```html\n((?:.*\n)*?)```", re.MULTILINE)
PATIENCE = 60.0
CLOSED = 2
"""The state of a connection that will not be opened again."""
APP = """
import contextlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from trioflow_server import ServerOptions, create_app

from trioflow import StepContext, Workflow, open_engine, step


@step
async def answer(question: str, ctx: StepContext) -> str:
    for word in ("It", "is", "raining."):
        await ctx.write(word)
    return "It is raining."


chat = Workflow("chat", input=str, output=str).then(answer)


async def page(request):
    return HTMLResponse(Path("page.html").read_text())


@contextlib.asynccontextmanager
async def lifespan(app):
    options = {"store": "sqlite:runs.db", "journal_chunks": True}
    async with open_engine(workflows=[chat], **options) as engine:
        engine.submit("chat", "And the weather?", run_id="42")
        flows = create_app(engine, ServerOptions(allow_unauthenticated=True))
        app.router.routes.append(Mount("/flows", flows))
        async with flows.lifespan():
            yield


app = Starlette(routes=[Route("/", page)], lifespan=lifespan)
"""


@pytest.mark.slow
@pytest.mark.skipif(find_browser() is None, reason="Chromium is not installed")
def test_the_page_shows_what_the_run_writes(tmp_path: Path) -> None:
    [html] = HTML.findall(PAGE)
    (tmp_path / "page.html").write_text(f"<!doctype html>{html}", "utf-8")
    (tmp_path / "app.py").write_text(APP, "utf-8")

    with serving(tmp_path) as address, open_browser(tmp_path) as page:
        page.go(address)
        deadline = time.monotonic() + PATIENCE
        while page.evaluate("source.readyState") != CLOSED and time.monotonic() < deadline:
            time.sleep(0.1)
        shown = page.evaluate("document.getElementById('said').innerText.trim()")
        connection = page.evaluate("source.readyState")

    assert shown == "It is raining."
    assert connection == CLOSED


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the application on a free port, and give its address."""
    command = [sys.executable, "-u", "-m", "hypercorn", "--worker-class", "trio"]
    with subprocess.Popen(
        [*command, "--bind", "127.0.0.1:0", "app:app"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            lines = iter(server.stdout.readline, "")
            found = (re.search(r"Running on (http://\S+)", line) for line in lines)
            yield next(match[1] for match in found if match)
        finally:
            server.terminate()
