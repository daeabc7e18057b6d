"""The site in Chromium, with the driver that the tests of the pictures have."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
SITE = DOCS / "_build" / "html"
DRIVER = DOCS.parent / "plugins" / "trioflow-pictures" / "tests" / "browser.py"


def load_driver() -> Any:
    """Import the driver of the browser."""
    spec = importlib.util.spec_from_file_location("trioflow_browser", DRIVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def find_browser() -> str | None:
    """Return the path of a Chromium, or None if none is installed."""
    path: str | None = load_driver().find_browser()
    return path


@contextmanager
def open_browser(folder: Path) -> Iterator[Any]:
    """Open a browser, which notes what its pages ask for."""
    driver = load_driver()
    with driver.open_browser(find_browser(), folder / "profile") as page:
        page.call("Network.enable")
        yield page


def addresses() -> list[str]:
    """Return the pages of the site, by their paths from its folder."""
    return sorted(page.relative_to(SITE).as_posix() for page in SITE.rglob("*.html"))
