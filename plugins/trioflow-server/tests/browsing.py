"""A browser on the pages of a server that runs in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

from .processes import PLUGIN

DRIVER = PLUGIN.parent / "trioflow-pictures" / "tests" / "browser.py"
"""What drives Chromium in the tests of the pictures, too."""
TARGETS = (
    "order",
    "patience",
    "fragile",
    "many",
    "interview",
    "signatures",
    "awaiting",
    "hostile",
    "speaking",
    "assistant",
)
PATIENCE = 60.0
"""Seconds that a page may take to show something on a busy machine."""
AXE = "axe-core@4.10.3"


def load_driver() -> ModuleType:
    """Import the driver of the browser."""
    spec = importlib.util.spec_from_file_location("trioflow_browser", DRIVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@attrs.define
class Site:
    """A server, and a page of it in a browser."""

    page: Any
    folder: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None
    started: set[str] = attrs.field(factory=set)
    """Ids of runs."""

    def start(self, *options: str) -> None:
        """Start the server, or start it again on the same port."""
        targets = [f"tests.page_flows:{name}" for name in TARGETS]
        store = f"sqlite:{self.folder / 'runs.db'}"
        where = ("--port", str(self.port), "--store", store)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trioflow", "serve", *targets, *where, *options],
            cwd=PLUGIN,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TRIOFLOW_DISABLE": "process,otel"},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        self.port = int(line.rpartition(":")[2])

    def stop(self) -> None:
        """End the server."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def go(self, path: str) -> None:
        """Load a page."""
        self.page.go(self.url + path)

    def post(self, path: str, body: str) -> None:
        """Send JSON to the interface for programs."""
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, body.encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            answer.read()

    def until(self, expression: str, wanted: object = True) -> None:
        """Wait until a JavaScript expression has a value."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.page.evaluate(expression)) != wanted:
            assert time.monotonic() < deadline, f"{expression} is {found!r}, not {wanted!r}"
            time.sleep(0.05)

    def leave(self, action: str) -> None:
        """Do something that loads another page, and wait for that page."""
        self.page.evaluate("window.isOld = true")
        self.page.evaluate(action)
        self.until("!window.isOld && document.readyState === 'complete'")

    def shows(self, text: str) -> None:
        """Wait until a text can be read."""
        self.until(f"document.body.innerText.includes({text!r})")

    def card(self, address: str) -> str:
        """Return an expression for the status of a card of the graph."""
        return f"document.querySelector('[data-address=\"{address}\"]')?.dataset.status ?? null"

    @property
    def path(self) -> str:
        found: str = self.page.evaluate("location.pathname + location.search")
        return found


@contextlib.contextmanager
def open_site(*options: str) -> Iterator[Site]:
    """Serve the pages and open a browser while the block runs; skip without a browser."""
    driver = load_driver()
    browser = driver.find_browser()
    if browser is None:
        pytest.skip("Chromium is not installed")
    with (
        tempfile.TemporaryDirectory() as folder,
        driver.open_browser(browser, Path(folder, "profile")) as page,
    ):
        page.call("Network.enable")
        page.resize(1200, 900)
        site = Site(page, Path(folder))
        site.start(*options)
        try:
            yield site
        finally:
            site.stop()


def load_axe() -> str:
    """Return the script of axe-core from npm; skip where that cannot be had."""
    cache = Path(tempfile.gettempdir()) / f"trioflow-axe-{os.getuid()}"
    script = cache / "package" / "axe.min.js"
    if not script.is_file():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed")
        cache.mkdir(exist_ok=True)
        try:
            packed = subprocess.run(
                ["npm", "pack", "--silent", AXE],
                cwd=cache,
                check=True,
                capture_output=True,
                text=True,
                timeout=120,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            if os.environ.get("TRIOFLOW_NEEDS_NPM"):
                raise
            pytest.skip("the registry of npm cannot be reached")
        archive = packed.stdout.split()[-1]
        subprocess.run(["tar", "xzf", archive, "package/axe.min.js"], cwd=cache, check=True)
    return script.read_text("utf-8")
