"""Each page is there as Markdown, and the list of pages leads to all of them."""

from __future__ import annotations

import re

import pytest
from _tools.browsing import SITE
from _tools.plain import FENCE

pytestmark = pytest.mark.skipif(not SITE.exists(), reason="the site is not built; see CONTRIBUTING")
MADE = {"genindex", "py-modindex", "search"}
"""Pages without a source."""
LEFT = re.compile(r"^(?:`{3,}\{|:{3,}|% generated|\.\. \w+::)", re.MULTILINE)


def pages() -> list[str]:
    found = (page for page in SITE.rglob("*.html") if not page.parent.name.startswith("_"))
    names = (page.relative_to(SITE).with_suffix("").as_posix() for page in found)
    return sorted(set(names) - MADE)


@pytest.mark.parametrize("page", pages())
def test_a_page_is_plain_markdown(page: str) -> None:
    text = (SITE / f"{page}.md").read_text("utf-8")

    outside = re.sub(r"^(`{3,})[\w-]*\n(?:.*\n)*?\1$", "", text, flags=re.MULTILINE)
    assert not text.startswith("---")
    assert LEFT.findall(outside) == []
    assert text.lstrip().count("\n") > 2
    for link in re.findall(r"\]\(([^):#]+\.md)(?:#[^)]*)?\)", outside):
        assert ((SITE / page).parent / link).exists(), link
    assert f'href="{page.rpartition("/")[2]}.md"' in (SITE / f"{page}.html").read_text("utf-8")


def test_commands_are_shown_with_their_output() -> None:
    text = (SITE / "start" / "install.md").read_text("utf-8")

    assert "```console\n$ trioflow --version\n0." in text
    assert "# Errors" in (SITE / "reference" / "errors.md").read_text("utf-8")
    assert "`/api/workflows/{workflow_id}/runs/{run_id}`" in (
        (SITE / "reference" / "http.md").read_text("utf-8")
    )
    assert "WorkflowChangedError" in (SITE / "reference" / "errors.md").read_text("utf-8")


def test_usages_are_those_of_the_installed_command() -> None:
    text = (SITE / "reference" / "command-line.md").read_text("utf-8")

    usages = re.findall(r"^trioflow .*\[OPTIONS\].*$", text, re.MULTILINE)
    assert len(usages) > 20
    assert [usage for usage in usages if " -m " in usage] == []


def test_the_list_leads_to_every_page() -> None:
    text = (SITE / "llms.txt").read_text("utf-8")

    links = re.findall(r"^- \[[^\]]+\]\((.+)\.md\)", text, re.MULTILINE)
    assert sorted([*links, "index"]) == pages()
    assert text.startswith("# trioflow\n\n> ")


def test_a_fence_ends_where_it_should() -> None:
    found = FENCE.search("a\n````{code-block} md\n:caption: b\n\n```\nc\n```\n````\nd\n")

    assert found is not None
    assert found["body"] == ":caption: b\n\n```\nc\n```\n"
