"""Draws the images of the README anew: ``python -m tests.draw_images``; it needs Chromium."""

from __future__ import annotations

import json
from pathlib import Path

from .browsing import Site, open_site

IMAGES = Path(__file__).parents[1] / "images"
ORDER = {"customer": "Grace Hopper", "lines": [{"article": "tea", "count": 3}], "express": True}


def start(site: Site, workflow: str, run_id: str, value: object, resource: str) -> None:
    body = {"runId": run_id, "inputData": value, "resourceId": resource}
    site.post(f"/api/workflows/{workflow}/runs", json.dumps(body))


def draw() -> None:
    """Take stills of the list and of a run: light, dark and narrow."""
    IMAGES.mkdir(exist_ok=True)
    with open_site() as site:
        file = site.folder / "nothing"
        start(site, "order", "order-117", {**ORDER, "customer": "Ada Lovelace"}, "acme")
        start(site, "fragile", "nightly-2026-11-30", str(file), "globex")
        start(site, "signatures", "contract-8", [1, 2, 3], "acme")
        start(site, "many", "mailing-5000", 400, "initech")
        start(site, "patience", "import-31", str(file), "globex")
        start(site, "order", "order-118", ORDER, "acme")
        answer = json.dumps({"label": "boss", "data": {"approved": True}})
        site.go("/runs/order-117")
        site.until(site.card("2"), "suspended")
        site.post("/api/workflows/order/runs/order-117/resume", answer)
        site.until(site.card("3"), "success")
        site.go("/runs/order-118")
        site.until(site.card("2"), "suspended")
        take(site, "run-light", "light", 1100, 1010)
        take(site, "run-dark", "dark", 1100, 1010)
        take(site, "run-narrow", "light", 360, 1180)
        site.go("/")
        site.shows("mailing-5000")
        take(site, "runs-light", "light", 1100, 560)
        take(site, "runs-narrow", "dark", 360, 1180)
        site.go("/runs/order-117?view=timeline")
        site.until("Boolean(document.documentElement.dataset.drawn)")
        take(site, "timeline-dark", "dark", 1100, 700)
        site.go("/workflows/order")
        take(site, "start-light", "light", 1100, 720)


def take(site: Site, name: str, scheme: str, width: int, height: int) -> None:
    """Save what is seen."""
    site.page.prefer(scheme)
    site.page.resize(width, height)
    site.page.evaluate("new Promise((done) => setTimeout(done, 600))")
    (IMAGES / f"{name}.png").write_bytes(site.page.screenshot())


if __name__ == "__main__":
    draw()
