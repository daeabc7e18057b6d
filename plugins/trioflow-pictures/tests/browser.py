"""Chromium without a window, spoken to through a pipe in the DevTools protocol.

What a page does with real keys, on paper and in the dark can be tried only in a browser.
The protocol is JSON behind which stands a zero byte, so that no library is needed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

PATIENCE = 60.0
"""Seconds that an answer may take on a busy machine."""
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--remote-debugging-pipe"),
)
# The browser reads from descriptor 3 and writes to 4, whatever the pipes are called here.
LAUNCHER = """
import os, sys
r, w = (os.dup2(int(fd), high) for fd, high in zip(sys.argv[1:3], (60, 61)))
os.dup2(r, 3); os.dup2(w, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_browser() -> str | None:
    """Return the path of a Chromium, or None if none is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@attrs.define(eq=False)
class Page:
    """A page that is open in a browser."""

    to_browser: int
    from_browser: int
    session: str = ""
    problems: list[str] = attrs.field(factory=list)
    """What its scripts raised or complained about."""
    urls: list[str] = attrs.field(factory=list)
    """What it has asked for, if the domain ``Network`` is enabled."""
    _number: int = 0
    _unread: bytes = b""

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol and return its result.

        Raises:
          RuntimeError: if the browser reports an error.
          TimeoutError: if it does not answer.
        """
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, html: str | Path, width: int = 1200, height: int = 760) -> None:
        """Load a page, given as text or as a file, and wait until it has loaded."""
        self.resize(width, height)
        if isinstance(html, Path):
            self.call("Page.navigate", url=html.resolve().as_uri())
            while self._receive().get("method") != "Page.loadEventFired":
                pass
        else:
            self.evaluate(f"document.write({json.dumps(html)}); document.close()")

    def go(self, url: str) -> None:
        """Load a page of a server, and wait until it has loaded."""
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise RuntimeError(f"{url}: {answer['errorText']}")
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press and release keys such as ``"ArrowDown"`` and ``"n"``."""
        for key in keys:
            text = (
                {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
            )
            self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def prefer(self, scheme: str) -> None:
        """Let the reader prefer ``"dark"`` or ``"light"``."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def screenshot(self) -> bytes:
        """Return what is seen as a PNG file."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def pdf(self) -> bytes:
        """Return the printed page as a PDF file."""
        options = {"preferCSSPageSize": True, "printBackground": True}
        return base64.b64decode(self.call("Page.printToPDF", **options)["data"])

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._unread:
            left = deadline - time.monotonic()
            if not select.select([self.from_browser], [], [], max(left, 0))[0]:
                raise TimeoutError(f"the browser has said nothing for {PATIENCE:g} s")
            piece = os.read(self.from_browser, 1 << 16)
            if not piece:
                raise EOFError("the browser has ended")
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.problems.append(json.dumps(message["params"]))
        if message.get("method") == "Network.requestWillBeSent":
            self.urls.append(message["params"]["request"]["url"])
        return message


@contextlib.contextmanager
def open_browser(browser: str, profile: Path) -> Iterator[Page]:
    """Start a browser with a fresh profile, and end it with all its processes."""
    (read_here, written_there), (read_there, written_here) = os.pipe(), os.pipe()
    command = [sys.executable, "-c", LAUNCHER, str(read_there), str(written_there), browser]
    log = profile.parent / f"{profile.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(read_there, written_there),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    os.close(read_there)
    os.close(written_there)
    try:
        page = Page(written_here, read_here)
        target = page.call("Target.createTarget", url="about:blank")["targetId"]
        attached = page.call("Target.attachToTarget", targetId=target, flatten=True)
        page.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        yield page
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(written_here)
        os.close(read_here)
