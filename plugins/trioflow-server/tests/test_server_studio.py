"""Mastra's Studio from npm against ours, driven in a browser.

Studio is not part of this project. Its pages are found by their words, so another version of it
may need other words here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from .checking import HERE, ROOT
from .npm import installed

PATIENCE = 60.0
"""Seconds that a page may take on a busy machine."""
BROWSER = ROOT / "plugins" / "trioflow-pictures" / "tests" / "browser.py"

pytestmark = [pytest.mark.npm, pytest.mark.slow]


def load_browser() -> Any:
    """Import what drives the browser in the tests of the pictures."""
    spec = importlib.util.spec_from_file_location("pictures_browser", BROWSER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pictures_browser"] = module
    spec.loader.exec_module(module)
    return module


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@attrs.define
class Studio:
    """Studio in a browser."""

    page: Any
    url: str

    def open(self, path: str, wanted: str) -> None:
        """Open a page, and wait for some words on it."""
        self.page.call("Page.navigate", url=f"{self.url}{path}")
        self.see(wanted)

    @property
    def text(self) -> str:
        found: str = self.page.evaluate("document.body ? document.body.innerText : ''")
        return found

    def see(self, *wanted: str) -> None:
        """Wait for words on the page."""
        deadline = time.monotonic() + PATIENCE
        while missing := [words for words in wanted if words not in self.text]:
            if time.monotonic() > deadline:
                raise AssertionError(f"no {missing} in:\n{self.text}")
            time.sleep(0.1)

    def click(self, label: str) -> None:
        """Press the button with some words on it, or a hidden name."""
        words = json.dumps(label)
        found = self.page.evaluate(
            f"""(() => {{
              document.activeElement.blur();
              const all = [...document.querySelectorAll('button, [role=checkbox]')];
              const named = all.filter(e => e.innerText.trim() === {words}
                || e.getAttribute('aria-label') === {words});
              named.at(-1)?.click();
              return named.length;
            }})()"""
        )
        assert found, f"there is no {label!r} to click in:\n{self.text}"

    def fill(self, name: str, text: str) -> None:
        """Type into a field."""
        self.page.evaluate(f"document.querySelector('input[name={name}]').focus()")
        self.page.press(*text)

    def check(self) -> None:
        """Check the last box."""
        self.page.evaluate("[...document.querySelectorAll('[role=checkbox]')].at(-1).click()")

    def colours(self, id: str) -> str:
        """Return how the node of a step is drawn."""
        label = json.dumps(f"Inspect {id}")
        found: str = self.page.evaluate(
            f"document.querySelector('[aria-label=' + CSS.escape({label}) + ']')"
            ".closest('.react-flow__node').outerHTML"
        )
        return found


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """Serve the agreed workflows, start Studio for them, and open a browser."""
    folder, browsers = installed("studio", "mastra@1.31.0"), load_browser()
    browser = browsers.find_browser()
    if browser is None:
        pytest.skip("Chromium is not installed")
    port, url = free_port(), ""
    server = subprocess.Popen(
        [sys.executable, str(HERE / "serve_scenarios.py"), "0", f"http://localhost:{port}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    api = ("-h", "127.0.0.1", "-s", url.rpartition(":")[2], "-x", "http")
    pages = subprocess.Popen(
        [str(folder / "node_modules/.bin/mastra"), "studio", "-p", str(port), *api],
        cwd=folder,
        env={**os.environ, "MASTRA_TELEMETRY_DISABLED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(f"http://localhost:{port}/")
        with browsers.open_browser(browser, tmp_path / "profile") as page:
            page.resize(1400, 900)
            yield Studio(page, f"http://localhost:{port}")
    finally:
        os.killpg(pages.pid, signal.SIGTERM)
        server.terminate()
        pages.wait()
        server.wait()
        server.stdout.close()


def wait_for(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(url).close()
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def test_studio_lists_runs_follows_answers_cancels_and_remembers(studio: Studio) -> None:
    studio.open("/workflows", "Waits for a yes or a no.")
    studio.see("approve", "survey", "Says hello to somebody.")

    studio.open("/workflows/approve/graph", "Next run input")
    idle = studio.colours("prepare")
    studio.fill("amount", "50")
    studio.click("Run")
    studio.see("Suspended", "Resume")
    assert studio.text.count("Completed") == 1
    assert studio.colours("prepare") != idle  # it turns green
    studio.check()
    studio.click("Resume")
    studio.see("Success")
    assert studio.text.count("Completed") == 3

    studio.open("/workflows/broken/graph", "Next run input")
    studio.fill("n", "1")
    studio.click("Run")
    studio.see("Failed")

    studio.open("/workflows/slow/graph", "Run")
    studio.click("Run")
    studio.see("linger", "Running")
    studio.click("Cancel workflow run")
    studio.see("Canceled")

    studio.open("/workflows/approve/graph", "Recent runs\n1")
    [run_id] = re.findall(r"\b[0-9a-f]{32}\b", studio.text)
    studio.open(f"/workflows/approve/graph/{run_id}", "Success")
    studio.see("Completed")
    assert studio.text.count("Completed") == 3
