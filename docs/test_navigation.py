"""The tree of pages, which is made once, is what the theme would make for each page."""

from __future__ import annotations

from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

PAGES = {
    "index": "# Site\n\n```{toctree}\n:hidden:\n\nstart\nhow/index\n```\n",
    "start": "# Start\n\n## Part\n\nWords.\n",
    "how/index": "# How\n\n```{toctree}\nrun\ndeep/stop\n```\n",
    "how/run": "# Run `it`\n",
    "how/deep/stop": "# Stop\n",
    "alone": "---\norphan: true\n---\n# Alone\n",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_each_page_has_the_tree_of_the_theme(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name, text in PAGES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / f"{name}.md").write_text(text, "utf-8")

    ours = build(source, tmp_path / "ours", "_tools.navigation")
    theirs = build(source, tmp_path / "theirs")

    assert ours == theirs
    assert len(ours) >= len(PAGES)
    assert "current-page" in ours["how/deep/stop.html"]


def build(source: Path, target: Path, *extensions: str) -> dict[str, str]:
    """Return the pages of a site by their paths."""
    config = {"extensions": ["myst_parser", *extensions], "html_theme": "furo"}
    with docutils_namespace():
        Sphinx(
            source, None, target, target / ".doctrees", "html", config, status=None, parallel=2
        ).build()
    return {
        page.relative_to(target).as_posix(): page.read_text("utf-8")
        for page in target.rglob("*.html")
    }
