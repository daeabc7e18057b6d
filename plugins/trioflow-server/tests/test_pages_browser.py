"""The pages in a real browser: live, with keys, and without a request to another host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from .browsing import Site, load_axe, open_site
from .page_flows import HOSTILE

pytestmark = pytest.mark.slow
BASKET = '{"customer": "Ada", "lines": [{"article": "tea", "count": 2}]}'


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    """One server and one browser for all tests that leave them as they are."""
    with open_site() as site:
        yield site


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    """A page that must raise nothing, complain about nothing and ask no other host."""
    shared.page.problems.clear()
    shared.page.urls.clear()
    yield shared
    assert shared.page.problems == []
    hosts = {urlsplit(url).netloc for url in shared.page.urls if not url.startswith("data:")}
    assert hosts <= {f"127.0.0.1:{shared.port}"}


def start(site: Site, workflow: str, run_id: str, value: Any) -> None:
    """Start a run unless it has been."""
    if run_id in site.started:
        return
    site.started.add(run_id)
    body = {"runId": run_id, "inputData": value}
    site.post(f"/api/workflows/{workflow}/runs", json.dumps(body))


def press(button: str) -> str:
    """Return a script that presses the first button with a value that is seen."""
    return (
        f"[...document.querySelectorAll('button[value=\"{button}\"]')]"
        ".find((each) => !each.classList.contains('default')).click()"
    )


def fill(name: str, text: str) -> str:
    """Return a script that fills in a field as a person does."""
    field = f"document.querySelector('[name=\"{name}\"]')"
    return (
        f"(() => {{ const field = {field}; field.focus(); field.value = {text!r};"
        "field.dispatchEvent(new Event('input', {bubbles: true}));"
        "field.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


# ---------------------------------------------------------------- agents
def test_what_an_agent_says_is_shown_while_it_says_it(site: Site) -> None:
    start(site, "speaking", "said", 1)
    site.go("/runs/said")
    site.until(site.card("0"), "running")
    assert site.page.evaluate("document.getElementById('said-section').hidden") is True
    site.post("/api/workflows/speaking/runs/said/events/news", '"now"')

    entry = "[...document.querySelectorAll('#said p')].map((e) => [e.className, e.innerText])"
    site.until(f"{entry}.length", 4)
    assert site.page.evaluate(entry) == [
        ["text", f"It is {HOSTILE}"],
        ["asks", 'look {"where": "here"}'],
        ["used", "speaking: 1,234 in, 5 out, cost 0.25"],
        ["called", 'look {"where":"here"}'],
    ]
    site.post("/api/workflows/speaking/runs/said/events/end", '"!"')
    site.until("document.querySelector('#summary .status').className", "status success")


def test_what_agents_said_before_the_page_was_loaded_is_shown_too(site: Site) -> None:
    """Also of a turn in whose middle it was loaded."""
    entries = "[...document.querySelectorAll('#said p')].map((e) => [e.className, e.innerText])"
    first = [
        ["text", HOSTILE],
        ["asks", 'look {"where": "here"}'],
        ["used", "assistant: 1,234 in, 5 out, cost 0.25"],
    ]
    file = site.folder / "over"
    start(site, "assistant", "agent-1", str(file))
    site.go("/runs/agent-1")
    site.until(f"{entries}.slice(0, 3)", first)
    file.with_name("begin-over").write_text("")  # of the next turn, the page hears all
    site.until("document.getElementById('said').innerText.includes('It is')")
    site.go("/runs/agent-1")
    assert site.page.evaluate(entries)[:3] == first
    file.write_text("")
    whole = [*first, ["text", "It is over."], first[-1]]
    in_all = ["used", "In all: 2,468 in, 10 out, cost 0.5"]
    site.until(entries, [*whole, in_all])
    site.go("/runs/agent-1")
    assert site.page.evaluate(entries) == [*whole, in_all]


# ---------------------------------------------------------------- a whole story
def test_a_run_is_started_followed_and_answered(site: Site) -> None:
    site.go("/workflows/order")
    site.page.evaluate(press("add:/lines"))  # without loading the page
    site.until("document.querySelectorAll('[name=\"v/lines/0/article\"]').length", 1)
    site.page.evaluate(fill("v/customer", "Ada"))
    site.page.evaluate(fill("v/lines/0/article", "tea"))
    site.until("document.querySelector('[name=json]').value.includes('\"article\": \"tea\"')")
    site.leave(press("fields"))
    assert site.path.startswith("/runs/")
    site.until(site.card("0"), "success")
    site.until(site.card("2"), "suspended")
    site.shows("approve waits for an answer")
    site.page.evaluate(fill("v/approved", "true"))
    site.leave(press("answer:fields"))
    site.until(site.card("3"), "success")
    site.until("document.querySelector('#summary .status').className", "status success")
    site.shows("shipped, approved")
    site.until("document.title.startsWith('success')")


def test_a_run_is_watched_and_canceled(site: Site) -> None:
    file = site.folder / "parcel"
    start(site, "patience", "p1", str(file))
    start(site, "patience", "p2", str(file))
    site.go("/runs/p1")
    site.until(site.card("0"), "running")
    site.page.evaluate("document.querySelector('#summary details summary').click()")
    site.page.evaluate(fill("reason", "enough"))
    site.leave(press("cancel"))
    site.until("document.querySelector('#summary .status').className", "status canceled")
    site.until(site.card("0"), "canceled")
    site.shows("enough")
    site.go("/runs/p2")
    site.until(site.card("0"), "running")
    file.write_text("")  # now the page changes by itself
    site.until(site.card("0"), "success")
    site.until(site.card("1"), "success")
    site.until("document.querySelector('#summary .status').className", "status success")


def test_a_failed_run_is_retried(site: Site) -> None:
    file = site.folder / "needed"
    start(site, "fragile", "f1", str(file))
    site.go("/runs/f1")
    site.until(site.card("0"), "failed")
    file.write_text("")
    site.leave(press("retry"))
    assert site.path == "/runs/f1~retry"
    site.until(site.card("0"), "success")


def test_the_list_is_live(site: Site) -> None:
    file = site.folder / "listed"
    site.go("/")
    start(site, "patience", "l1", str(file))
    row = "document.querySelector('a[href=\"/runs/l1\"]')?.closest('tr').innerText ?? ''"
    site.until(f"({row}).includes('running')")
    file.write_text("")
    site.until(f"({row}).includes('success')")


def test_what_is_being_filled_in_stays(site: Site) -> None:
    start(site, "interview", "i1", ["ann", "bob"])
    site.go("/runs/i1")
    site.until("document.querySelectorAll('.question').length", 2)
    bob = (
        "[...document.querySelectorAll('.question')]"
        ".find((each) => each.innerText.includes('(bob)')).querySelector('[name=v]')"
    )
    site.page.evaluate(f"{bob}.value = 'half an answ'; {bob}.focus()")
    body = json.dumps({"label": "ann", "data": "yes"})
    site.post("/api/workflows/interview/runs/i1/resume", body)
    site.until("document.querySelectorAll('.question').length", 1)
    site.until("document.querySelector('[name=v]').value", "half an answ")
    site.until("document.activeElement.name", "v")


def test_the_timeline_is_live(site: Site) -> None:
    file = site.folder / "timed"
    start(site, "patience", "t1", str(file))
    site.go("/runs/t1?view=timeline")
    site.until("document.documentElement.dataset.drawn ?? null", "2")
    site.page.press("ArrowDown")
    site.until("document.querySelector('#details h2').innerText.includes('wait_for_file')")
    file.write_text("")
    site.until("document.documentElement.dataset.drawn", "3")
    site.until("document.querySelector('#summary b').innerText.includes('success')")
    site.until("document.querySelector('#details h2').innerText.includes('wait_for_file')")


def test_pages_can_be_used_with_keys_alone(site: Site) -> None:
    start(site, "order", "k1", json.loads(BASKET))
    site.go("/runs/k1")
    site.shows("approve waits for an answer")
    seen = []
    for _ in range(40):
        site.page.call(
            "Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9
        )
        site.page.call(
            "Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9
        )
        seen.append(
            site.page.evaluate(
                "document.activeElement.name || document.activeElement.innerText.trim()"
            )
        )
    for wanted in ("Skip to content", "Runs", "Timeline", "Cancel", "Fork", "v/approved", "json"):
        assert wanted in seen
    outline = site.page.evaluate(
        "getComputedStyle(document.querySelector(':focus-visible')).outlineStyle"
    )
    assert outline == "solid"


# ---------------------------------------------------------------- large and hostile
def test_a_run_with_5000_calls_is_shown(site: Site) -> None:
    start(site, "many", "m1", 2499)
    site.go("/runs/m1")
    site.until("document.querySelector('#summary .status').className", "status success")
    site.until(site.card("1/1"), "success")
    site.shows("1 to 200 of ")
    site.go("/runs/m1?view=timeline")
    site.until("Number(document.documentElement.dataset.drawn ?? 0) > 7000")
    assert site.page.evaluate("document.querySelectorAll('.row').length") < 200
    site.go("/runs/m1?view=events&after=10000")
    site.shows("10001")


def test_scripts_in_values_do_not_run(site: Site) -> None:
    bad = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    start(site, "hostile", "h1", {bad: bad, "raise": True})
    for view in ("overview", "timeline", "events", "log"):
        site.go(f"/runs/h1?view={view}")
        site.shows("hostile")
        assert site.page.evaluate("window.hacked ?? null") is None
        assert site.page.evaluate("document.querySelectorAll('img, main script').length") == 0


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/workflows",
        "/workflows/order",
        "/plugins",
        "/runs/n1",
        "/runs/n1?view=timeline",
        "/runs/n1?view=events",
        "/runs/n1?view=log",
    ],
)
def test_pages_fit_on_a_telephone(site: Site, path: str) -> None:
    start(site, "order", "n1", json.loads(BASKET))
    site.page.resize(360, 740)
    try:
        site.go(path)
        assert site.page.evaluate("document.documentElement.scrollWidth") <= 360
    finally:
        site.page.resize(1200, 900)


@pytest.mark.npm
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_nothing_serious(site: Site, scheme: str, width: int) -> None:
    axe = load_axe()
    start(site, "order", "x1", json.loads(BASKET))
    start(site, "fragile", "x2", "/nowhere/at/all")
    paths = [
        "/",
        "/workflows",
        "/workflows/order",
        "/plugins",
        "/runs/x1",
        "/runs/x2",
        "/runs/none",
    ]
    paths += [f"/runs/x1?view={view}" for view in ("timeline", "events", "log")]
    site.page.prefer(scheme)
    site.page.resize(width, 900)
    found = {}
    try:
        for path in paths:
            site.go(path)
            site.until("document.readyState", "complete")
            site.page.evaluate(f"{axe}; undefined")
            problems = site.page.evaluate(
                "axe.run().then((found) => found.violations"
                ".filter((each) => ['serious', 'critical'].includes(each.impact))"
                ".map((each) => `${each.id}: ${each.nodes.map((n) => n.target).join(' ')}`))"
            )
            if problems:
                found[path] = problems
    finally:
        site.page.prefer("light")
        site.page.resize(1200, 900)
        site.page.problems.clear()  # the page that is not there is a complaint of the browser
    assert found == {}


# ---------------------------------------------------------------- the server goes away
def test_a_page_comes_back_with_its_server() -> None:
    with open_site() as site:
        file = site.folder / "late"
        start(site, "patience", "r1", str(file))
        site.go("/runs/r1")
        site.until(site.card("0"), "running")
        site.stop()
        site.shows("The connection is lost")
        site.start()
        site.until("document.getElementById('connection').innerText", "")
        file.write_text("")
        site.until(site.card("1"), "success")
        site.until("document.querySelector('#summary .status').className", "status success")


def test_a_browser_logs_in_and_out() -> None:
    with open_site() as site:
        tokens = site.folder / "tokens"
        tokens.write_text("a-token-of-the-browser name=ada\n")
        site.stop()
        site.start("--token-file", str(tokens))
        site.go("/workflows/order?x=1")
        site.page.evaluate(fill("token", "a-token-of-the-browser"))
        site.leave("document.querySelector('form').requestSubmit()")
        assert site.path == "/workflows/order?x=1"
        site.page.evaluate(fill("v/customer", "Ada"))
        site.leave(press("fields"))
        site.until(site.card("2"), "suspended")  # the stream has the session, too
        site.leave("document.querySelector('.site form').requestSubmit()")
        site.shows("Log in")
