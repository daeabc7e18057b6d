"""The page of a timeline in a real browser: what it draws, and what keys and printers do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trioflow_pictures import to_svg, to_timeline_html

from .browser import Page, find_browser, open_browser
from .example import recorded, trip
from .runs import HOSTILE, chain_of, hostile_run, record_now

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="there is no Chromium"),
]

LINE = 24
"""Height of a line, in pixels."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path = find_browser()
    assert path is not None
    with open_browser(path, tmp_path_factory.mktemp("browser") / "profile") as page:
        yield page


@pytest.fixture
def show(browser: Page, tmp_path: Path) -> Iterator[Any]:
    """Return a function that opens a file; at the end nothing must have gone wrong in it."""
    browser.problems.clear()
    browser.prefer("light")

    def open_file(text: str, name: str = "page.html") -> Page:
        (tmp_path / name).write_text(text, "utf-8")
        browser.open(tmp_path / name)
        return browser

    yield open_file
    browser.evaluate("0")  # whatever was reported has arrived by now
    assert browser.problems == []


def labels(page: Page) -> list[str]:
    """Return what the lines that are in the document are called."""
    script = (
        "[...document.querySelectorAll('.row')]"
        ".map(row => [row.style.top, row.querySelector('.label').textContent])"
    )
    found: list[list[str]] = page.evaluate(script)
    return [label for top, label in sorted(found, key=lambda each: int(each[0][:-2]))]


def chosen(page: Page) -> str:
    """Return what the line that is chosen is called, as somebody who cannot see hears it."""
    script = (
        "document.getElementById(document.getElementById('tree')"
        ".getAttribute('aria-activedescendant')).querySelector('.label').textContent"
    )
    label: str = page.evaluate(script)
    return label


def details(page: Page) -> str:
    text: str = page.evaluate("document.getElementById('details').innerText")
    return text


def count(page: Page, selector: str) -> int:
    number: int = page.evaluate(f"document.querySelectorAll({selector!r}).length")
    return number


# ---------------------------------------------------------------- what is drawn
def test_five_calls_are_five_bars_below_that_of_the_run(show: Any) -> None:
    page = show(to_timeline_html(record_now(chain_of(5))))

    assert labels(page) == ["chain", "s0", "s1", "s2", "s3", "s4"]
    assert count(page, ".row .span") == 6
    assert "5 calls" in page.evaluate("document.getElementById('summary').textContent")


def test_bars_lie_one_after_the_other_on_the_axis(show: Any) -> None:
    page = show(to_timeline_html(record_now(chain_of(5))))

    script = (
        "[...document.querySelectorAll('.row.step .span')]"
        ".map(bar => bar.getBBox()).map(box => [box.x, box.x + box.width])"
    )
    boxes = page.evaluate(script)
    for (_, end), (start, _) in itertools.pairwise(boxes):
        assert start == pytest.approx(end, abs=0.2)


def test_of_5000_calls_only_those_that_can_be_seen_are_in_the_document(show: Any) -> None:
    page = show(to_timeline_html(record_now(chain_of(5000))))

    assert page.evaluate("document.documentElement.dataset.drawn") == "5051"
    assert "5000 calls" in page.evaluate("document.getElementById('summary').textContent")
    assert labels(page)[:3] == ["chain", "s0 … s99", "s100 … s199"]
    page.evaluate("document.getElementById('expand').click()")
    assert page.evaluate("document.getElementById('rows').offsetHeight") == 5051 * LINE
    assert count(page, ".row") < 60
    page.press("End")
    assert chosen(page) == "s4999"
    assert count(page, ".row") < 60
    page.press("Home", "PageDown")
    assert chosen(page).startswith("s")


def test_a_run_of_everything_shows_attempts_waits_pieces_and_what_was_canceled(show: Any) -> None:
    page = show(to_timeline_html(recorded()))
    page.resize(1200, 1400)

    assert count(page, ".row .span.attempt") == 2
    assert count(page, ".row .span.backoff") == 2
    assert count(page, ".row.step > .lane > .span.wait") == 1
    assert count(page, ".row.canceled .span.canceled") == 1
    assert count(page, ".row.step.failed .span.failed") == 1
    assert count(page, ".row.step.failed .cross") == 1  # not by colour alone
    assert count(page, ".row.tool-call .mark.delta") == 1
    assert "⊘" in page.evaluate("document.querySelector('.row.canceled .glyph').textContent")


def test_idle_time_is_shortened_unless_the_reader_wants_it_in_full(show: Any) -> None:
    page = show(to_timeline_html(recorded()))
    page.resize(1200, 1400)
    width = "document.querySelector('.row .span.wait').getBBox().width / laneWidth"

    assert page.evaluate(width) < 0.1
    page.press("i")
    assert page.evaluate(width) > 0.9


# ---------------------------------------------------------------- keys
def test_a_keyboard_is_enough(show: Any) -> None:
    page = show(to_timeline_html(recorded()))

    assert chosen(page) == "trip"
    page.press("ArrowDown")
    assert chosen(page) == "fetch_forecast"
    assert "Attempts\n3" in details(page)
    assert "the weather service does not answer" in details(page)
    page.press("End", "Home", "ArrowLeft")
    assert labels(page) == ["trip"]
    page.press("Enter")
    assert len(labels(page)) > 1
    page.press("ArrowRight", "ArrowRight")
    assert chosen(page) == "fetch_forecast"
    page.press("n")
    assert chosen(page) in ("send_mail", "print_tickets")
    page.press("z")
    assert page.evaluate("state.view.to - state.view.from") < 0.5
    page.press("0")
    assert page.evaluate("state.view.to - state.view.from") == 1


def test_the_search_finds_what_is_in_closed_groups(show: Any) -> None:
    page = show(to_timeline_html(record_now(chain_of(500))))

    page.press("/", "s", "4", "2", "1", "Enter")

    assert page.evaluate("document.getElementById('found').textContent") == "1 found"
    assert chosen(page) == "s421"
    assert count(page, ".row.hit") == 1
    page.press("Escape", "ArrowLeft", "ArrowLeft")
    assert chosen(page) == "s400 … s499"
    assert page.evaluate("document.activeElement.id") == "tree"


def test_lines_tell_level_and_state_to_those_who_cannot_see(show: Any) -> None:
    page = show(to_timeline_html(recorded()))

    told = page.evaluate(
        "Object.fromEntries([...document.querySelector('.row.workflow').attributes]"
        ".filter(a => a.name.startsWith('aria')).map(a => [a.name, a.value]))"
    )
    assert told["aria-level"] == "2"
    assert told["aria-expanded"] == "true"
    assert told["aria-label"] == "hotel, workflow, success, 1.2 s"


# ---------------------------------------------------------------- paper, night, strangers
def test_paper_gets_all_that_is_open_up_to_some_pages(show: Any) -> None:
    page = show(to_timeline_html(record_now(chain_of(5000))))
    page.evaluate("document.getElementById('expand').click()")

    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert count(page, ".row") == 300
    assert "4751 more lines" in page.evaluate("document.getElementById('cut').textContent")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert count(page, ".row") < 60
    assert page.pdf().count(b"/Type /Page\n") in range(8, 20)


def test_the_colours_follow_the_reader(show: Any) -> None:
    page = show(to_timeline_html(recorded()))
    color = "getComputedStyle(document.body).backgroundColor"

    light = page.evaluate(color)
    page.prefer("dark")

    assert light == "rgb(255, 255, 255)"
    assert page.evaluate(color) != light


def test_values_of_strangers_stay_text(show: Any) -> None:
    page = show(to_timeline_html(hostile_run()))

    page.press("n")

    assert HOSTILE in details(page)
    assert count(page, "img, iframe, a") == 0
    assert page.evaluate("window.pwned === undefined")
    assert page.evaluate("document.title").startswith("<b>")


def test_the_page_asks_nobody_for_anything_and_could_not(show: Any, browser: Page) -> None:
    page = show(to_timeline_html(recorded()))

    assert page.evaluate("performance.getEntriesByType('resource').length") == 0
    blocked = page.evaluate("fetch('https://127.0.0.1:9/').then(() => 'sent', () => 'blocked')")
    assert blocked == "blocked"
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        "{text: 'window.pwned = 1'}))"
    )
    assert page.evaluate("window.pwned === undefined")
    browser.problems.clear()  # the browser complained, as it should


# ---------------------------------------------------------------- drawings
def test_texts_fit_into_their_boxes(show: Any) -> None:
    page = show(to_svg(trip), "graph.svg")

    script = """[...document.querySelectorAll('g > rect.card, g > rect.pill')].flatMap(box => {
      const texts = box.matches('.pill') ? [box.nextElementSibling]
        : [...box.parentNode.querySelectorAll(':scope > text')];
      const outer = box.getBBox();
      return texts.map(text => text.getBBox())
        .map(inner => inner.x >= outer.x && inner.x + inner.width <= outer.x + outer.width);
    })"""
    fits = page.evaluate(script)
    assert len(fits) > 10
    assert all(fits)
