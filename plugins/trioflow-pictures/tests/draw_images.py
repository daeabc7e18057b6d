"""Draws the images of the READMEs anew: ``python -m tests.draw_images``; it needs Chromium."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from trioflow_pictures import to_svg, to_timeline_html

from .browser import find_browser, open_browser
from .example import recorded, trip

IMAGES = Path(__file__).parents[1] / "images"
GRAPH, TIMELINE = IMAGES / "graph.svg", IMAGES / "timeline.png"
WIDTH, HEIGHT = 1100, 1060


def draw() -> None:
    """Write the drawing of a workflow, and a still of the timeline of one of its runs."""
    browser = find_browser()
    if browser is None:
        sys.exit("there is no Chromium; install the package chromium")
    GRAPH.write_text(to_svg(trip), "utf-8", newline="\n")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "timeline.html")
        file.write_text(to_timeline_html(recorded()), "utf-8")
        with open_browser(browser, Path(folder, "profile")) as page:
            page.open(file, WIDTH, HEIGHT)
            page.press("ArrowDown")  # to the step that needed three attempts
            TIMELINE.write_bytes(page.screenshot())


if __name__ == "__main__":
    draw()
