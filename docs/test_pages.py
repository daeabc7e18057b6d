"""The built pages: they fit on a telephone, ask no other host, and the first one is small."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
from _tools.browsing import SITE, addresses, find_browser, open_browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="Chromium is not installed"),
    pytest.mark.skipif(not SITE.exists(), reason="the site is not built; see CONTRIBUTING"),
]
NARROW = 360
NEEDED = re.compile(r'(?:<link rel="stylesheet"[^>]*href|<script[^>]*src)="([^"?#]+)')
TOO_WIDE = """
[...document.querySelectorAll('article *')].filter((each) => {
  if (each.getBoundingClientRect().right <= innerWidth + 1) return false;
  for (let box = each.parentElement; box; box = box.parentElement)
    if (getComputedStyle(box).overflowX != 'visible') return false;
  return true;
}).map((each) => each.outerHTML.slice(0, 80))
"""
CUT_WORDS = """
[...document.querySelectorAll('article :is(h1, h2, h3)')].filter((each) => {
  each.style.overflowWrap = 'normal';
  each.style.wordBreak = 'normal';
  return each.scrollWidth > each.clientWidth;
}).map((each) => each.innerText)
"""


@attrs.frozen
class Look:
    """What was seen on one page, on a telephone."""

    width: int
    too_wide: list[str]
    cut: list[str]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with open_browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture(scope="module")
def looks(browser: Any) -> dict[str, Look]:
    """All pages, each looked at once, half of them in the dark."""
    looks = {}
    for number, address in enumerate(addresses()):
        browser.prefer("dark" if number % 2 else "light")
        browser.open(SITE / address, NARROW, 800)
        width = browser.evaluate("document.documentElement.scrollWidth")
        looks[address] = Look(width, browser.evaluate(TOO_WIDE), browser.evaluate(CUT_WORDS))
        browser.evaluate("document.querySelector('iframe')?.scrollIntoView()")  # it loads late
    return looks


def test_every_page_fits_on_a_telephone(looks: dict[str, Look]) -> None:
    assert {address: look.width for address, look in looks.items() if look.width > NARROW} == {}
    assert {address: look.too_wide for address, look in looks.items() if look.too_wide} == {}
    assert len(looks) > 100


def test_no_heading_is_cut_within_a_word(looks: dict[str, Look]) -> None:
    assert {address: look.cut for address, look in looks.items() if look.cut} == {}


@pytest.mark.usefixtures("looks")
def test_no_page_asks_another_host_or_complains(browser: Any) -> None:
    assert {urlsplit(url).scheme for url in browser.urls} <= {"file", "data"}
    assert browser.problems == []
    assert any("_pictures" in url for url in browser.urls)


def test_wide_tables_scroll_in_their_box(browser: Any) -> None:
    browser.open(SITE / "project" / "comparison.html", NARROW, 800)

    box = "document.querySelector('.table-wrapper')"
    assert browser.evaluate(f"{box}.scrollWidth") > NARROW
    assert browser.evaluate(f"{box}.scrollLeft = 200; {box}.scrollLeft") == 200
    assert browser.evaluate("document.documentElement.scrollWidth") == NARROW


def test_the_first_page_is_small() -> None:
    page = (SITE / "index.html").read_bytes()
    needed = {found.decode() for found in re.findall(NEEDED.pattern.encode(), page)}

    sent = [gzip.compress(page), *(gzip.compress((SITE / name).read_bytes()) for name in needed)]

    assert len(page) < 100_000
    assert len(needed) > 5
    assert sum(map(len, sent)) < 100_000
