"""The list of runs and the pages of a run, for a browser without scripts."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trioflow_server.safety.tokens import read_tokens

from trioflow.instruments import StepTracker

from .forms_filled import Visitor
from .page_flows import FLOWS, HOSTILE
from .serving import OPEN, Bench, open_bench


@asynccontextmanager
async def open_pages(options: Any = OPEN, **given: Any) -> AsyncGenerator[tuple[Bench, Visitor]]:
    settings = {"workflows": FLOWS, "tools": (), "instruments": [StepTracker()], **given}
    async with open_bench(options, **settings) as bench:
        yield bench, Visitor(bench.client)


BASKET = {"customer": "Ada", "lines": [{"article": "tea", "count": 2}]}


async def test_the_list_shows_and_filters_runs() -> None:
    async with open_pages() as (bench, visitor):
        for index, (resource, tags) in enumerate([("acme", ["a", "b"]), ("globex", ["b"])]):
            run = await bench.engine.start_once(
                "fragile", "nowhere", run_id=f"f{index}", resource_id=resource, tags=tags
            )
            assert run is not None
            await run.wait()
        await bench.start("order", BASKET, "o1")

        found = {
            query: (await visitor.go(f"/?{query}")).text
            for query in (
                "",
                "workflow=order",
                "status=failed",
                "resource=acme",
                "tags=a,b",
                "since=2000-01-01T00:00",
                "before=2000-01-01",
            )
        }

    shown = {query: re.findall(r"\b(f0|f1|o1)\b", text) for query, text in found.items()}
    assert shown == {
        "": ["o1", "f1", "f0"],
        "workflow=order": ["o1"],
        "status=failed": ["f1", "f0"],
        "resource=acme": ["f0"],
        "tags=a,b": ["f0"],
        "since=2000-01-01T00:00": ["o1", "f1", "f0"],
        "before=2000-01-01": [],
    }
    assert "No run matches" in found["before=2000-01-01"]


async def test_long_lists_have_pages() -> None:
    async with open_pages() as (bench, visitor):
        for index in range(60):
            await bench.engine.start_once("hostile", index, run_id=f"r{index:02}")
        first = await visitor.go("/")
        older = next(link for link in first.reader.links if "cursor=" in link)
        second = await visitor.go(older)

    pages = [re.findall(r"\br\d\d\b", page.text) for page in (first, second)]
    assert [len(page) for page in pages] == [50, 10]
    assert sorted(pages[0] + pages[1]) == [f"r{index:02}" for index in range(60)]
    assert not any("cursor=" in link for link in second.reader.links)


@pytest.mark.parametrize(
    "query",
    ["status=gone", "since=yesterday", "before=99999-01-01", "since=0001-01-01", "cursor=x"],
)
async def test_wrong_filters_are_reported_on_the_page(query: str) -> None:
    async with open_pages() as (_, visitor):
        page = await visitor.go(f"/?{query}")

    assert (page.status, page.alerts) in ((400, True), (200, False))
    assert page.status == 400 or query == "since=0001-01-01"


async def test_a_principal_lists_only_its_own_runs() -> None:
    tokens = read_tokens(
        [
            "one-resource-token name=ann resources=acme",
            "two-resource-token name=bob resources=acme,initech",
            "no-reading-token-x name=eve scopes=start",
        ]
    )
    closed = attrs.evolve(OPEN, tokens=tokens, allow_unauthenticated=False)
    async with open_pages(closed) as (bench, visitor):
        for index, resource in enumerate(["acme", "globex", "initech", None]):
            await bench.engine.start_once("hostile", 1, run_id=f"r{index}", resource_id=resource)
        seen = {}
        for token in tokens:
            bench.client.headers["authorization"] = f"Bearer {token}"
            pages = [await visitor.go("/"), await visitor.go("/", resource="globex")]
            pages.append(await visitor.go("/runs/r1"))
            seen[token[:3]] = [(page.status, re.findall(r"\br\d\b", page.text)) for page in pages]

    assert seen["one"] == [(200, ["r0"]), (200, []), (404, [])]
    assert seen["two"] == [(200, ["r2", "r0"]), (200, []), (404, [])]
    assert [status for status, _ in seen["no-"]] == [403, 403, 403]


async def test_a_run_shows_its_graph_values_calls_and_errors(tmp_path: Path) -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("order", BASKET, "o1")
        await bench.start("fragile", str(tmp_path / "none"), "f1")
        order, failed = await visitor.go("/runs/o1"), await visitor.go("/runs/f1")

    assert order.cards == {
        "0": "success",
        "1:sum_up": "success",
        "1:pick": "success",
        "2": "suspended",
    }
    assert '"customer": "Ada"' in order.text
    assert "approve waits for an answer (boss)" in order.text
    assert "May this leave the house?" in order.text
    assert failed.cards == {"0": "failed"}
    assert "FileNotFoundError: there is no none" in failed.text
    assert "Traceback" not in failed.text
    assert str(Path(__file__).parent) not in failed.answer.text


async def test_the_views_of_a_run_are_links_that_can_be_shared() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("order", BASKET, "o1")
        page = await visitor.go("/runs/o1")
        views = [link for link in page.reader.links if "view=" in link]
        texts = {link: (await visitor.go(link)).text for link in views}

    assert "/runs/o1?view=timeline" in views
    assert "step-suspended approve" in texts["/runs/o1?view=events"]
    assert "checking 1 lines for Ada" in texts["/runs/o1?view=log"]
    assert '"customer":"Ada"' in texts["/runs/o1?view=value&of=input&at=0"]


async def test_traces_are_shown_if_asked_for() -> None:
    options = attrs.evolve(OPEN, show_stacks=True)
    async with open_pages(options) as (bench, visitor):
        await bench.start("fragile", "nowhere", "f1")
        page = await visitor.go("/runs/f1")
        data = (await bench.get("/runs/f1", view="timeline-data")).text

    assert "Traceback" in page.text
    assert "Traceback" in data


async def test_a_log_says_if_there_is_none() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("fragile", "nowhere", "f1")
        page = await visitor.go("/runs/f1?view=log")

    assert "There are no log records of this run here" in page.text


async def test_long_runs_are_shown_in_pages() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("many", 150, "m1")
        first = await visitor.go("/runs/m1")
        second = await visitor.go("/runs/m1", calls=200)
        events = await visitor.go("/runs/m1", view="events")
        latest = await visitor.go(next(link for link in events.reader.links if "after=" in link))
        data = (await bench.get("/runs/m1", view="timeline-data")).json()

    assert "1 to 200 of" in first.text
    assert "201 to 400 of" in second.text
    assert (first.cards["1"], first.cards["1/0"]) == ("success", "success")
    assert events.status == latest.status == 200
    assert sum(row["kind"] == "item" for row in data["rows"]) == 150


# ---------------------------------------------------------------- hostile values
HOSTILE_IDS = [
    "a/b?c#d",
    "..",
    ".",
    "../../etc",
    '"><script>alert(1)</script>',
    "ö ü%2F",
    "\u202ex",
]


@pytest.mark.parametrize("run_id", HOSTILE_IDS)
async def test_runs_with_any_id_have_pages(run_id: str) -> None:
    async with open_pages() as (bench, visitor):
        value = {HOSTILE: [HOSTILE, "\u202e"], "raise": True}
        run = await bench.engine.start_once("hostile", value, run_id=run_id, tags=[HOSTILE])
        assert run is not None
        await run.wait()
        home = await visitor.go("/")
        link = next(link for link in home.reader.links if link.startswith("/runs/"))
        page = await visitor.go(link)
        views = [link for link in page.reader.links if "view=" in link]
        pages = [home, page, *[await visitor.go(each) for each in views]]
        live = await bench.client.get(f"{link}{'&' if '?' in link else '?'}view=live")

    assert all(each.status == 200 for each in pages)
    assert "failed" in page.text
    for each in pages:
        if each.answer.headers["content-type"] == "application/json":
            continue  # a value, which no browser takes for a page
        assert not [given for name, given in each.tags if name == "script" and "src" not in given]
        assert not any(name.startswith("on") for _, given in each.tags for name in given)
        assert not any(given.get("src") == "x" for _, given in each.tags)
        assert not any(name == "style" or "style" in given for name, given in each.tags)
        assert "\u202e" not in each.answer.text
    assert "<script" not in live.json()["html"]["calls"]


async def test_pages_that_are_not_there_say_so() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("fragile", "nowhere", "f1")
        paths: tuple[str, ...] = ("/runs/none", "/runs/", "/workflows/none", "/runs/f1?view=none")
        paths += ("/runs/f1?view=value&of=nothing", "/runs/f1?view=value&of=input&at=9")
        pages = [await visitor.go(path) for path in paths]
        as_json = await bench.get("/runs/none")

    assert [page.status for page in pages] == [404] * len(paths)
    assert "Go to the list of runs" in pages[0].text
    assert as_json.json()["code"] == "run-not-found"


@pytest.mark.parametrize("store", ["memory:", None])
async def test_a_run_that_has_not_started_has_a_page(store: str | None) -> None:
    async with open_pages(store=store) as (bench, visitor):
        await bench.post("/api/workflows/order/create-run", runId="p1")
        page = await visitor.go("/runs/p1")
        timeline = await bench.get("/runs/p1", view="timeline-data")
        after = await visitor.press(page, "cancel")

    assert "has not started" in page.text
    assert timeline.status_code == 409
    assert "canceled" in after.text


async def test_runs_of_workflows_that_are_not_known_here_are_shown(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'runs.db'}"
    async with open_pages(store=store, plugins=None) as (bench, _):
        await bench.start("order", BASKET, "o1")
    async with open_pages(store=store, plugins=None, workflows=()) as (bench, visitor):
        page = await visitor.go("/runs/o1")
        pages = [await visitor.go("/runs/o1", view=view) for view in ("events", "log", "timeline")]

    assert "does not know the workflow" in page.text
    assert "suspended" in page.text
    assert "check_stock" in page.text
    assert [each.status for each in pages] == [200] * 3


async def test_what_changes_is_sent_in_parts() -> None:
    async with open_pages() as (bench, visitor):
        run = await bench.engine.start_once("patience", "/nowhere/at/all", run_id="p1")
        assert run is not None
        page = await visitor.go("/runs/p1")
        [place] = [given for _, given in page.tags if "data-live" in given]
        with trio.fail_after(20):
            while not (live := (await bench.client.get(place["data-live"])).json())["graph"]:
                pass
        await bench.engine.cancel_run("p1", "enough")
        with trio.fail_after(20):  # a command is kept when the call returns, and carried out after
            await run.wait()
        after = (await bench.client.get(place["data-live"])).json()
        rows = (await bench.get("/", live=1)).json()
        parts = [
            (await bench.get("/runs/p1", view=v, fragment=1)).json() for v in ("events", "log")
        ]
        async with bench.client.stream("GET", place["data-stream"]) as stream:
            kind = stream.headers["content-type"]
            text = "".join([piece async for piece in stream.aiter_text()])

    assert (live["open"], live["graph"]) == (True, {"0": "running"})
    assert (after["open"], after["graph"]) == (False, {"0": "canceled"})
    assert after["html"].keys() == {"summary", "asked", "values", "calls"}
    assert "enough" in after["html"]["summary"]
    assert "p1" in rows["html"]["runs"]
    assert [list(part["html"]) for part in parts] == [["events"], ["log"]]
    assert kind.startswith("text/event-stream")
    assert "event: canceled" in text


async def test_the_page_shows_what_agents_have_said(tmp_path: Path) -> None:
    for name in ("begin-over", "over"):
        (tmp_path / name).write_text("")
    async with open_pages() as (bench, _):
        run = await bench.engine.start_once("assistant", str(tmp_path / "over"), run_id="a1")
        assert run is not None
        await run.wait()
        text = (await bench.client.get("/runs/a1")).text
        said = (await bench.client.get("/runs/a1?view=said")).json()
        await bench.start("order", BASKET, "o1")
        other = (await bench.client.get("/runs/o1")).text

    html = re.findall(r'<p class="(text|asks|used)">(.*?)</p>', said["html"])
    assert [kind for kind, _ in html] == ["text", "asks", "used", "text", "used"]
    assert "<script>" not in said["html"]
    assert html[1][1] == "look {&#34;where&#34;: &#34;here&#34;}"
    assert html[3][1] == "It is over."
    assert all(each in text for _, each in html)
    assert 'id="said-section" data-workflow="assistant"' in text  # not hidden
    assert 'id="said-section" hidden' in other
