"""Words that readers search for and pages do not use: ``search: celery, cron`` in the front matter.

They are a paragraph that is not shown, so they weigh as little as any other word of the page.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def add_words(app: Sphinx, doctree: nodes.document) -> None:
    """Add the words of a page to its text."""
    words = app.env.metadata[app.env.docname].get("search", "")
    if words:
        doctree.append(nodes.paragraph("", words, classes=["search-words"]))


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", add_words)
    return {"parallel_read_safe": True}
