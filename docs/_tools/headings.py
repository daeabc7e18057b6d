"""Headings that are one long name may be broken between its words: a telephone has no room for it.

Only where the heading is shown: its address, lists of contents and the search have the plain name.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

HEADING = re.compile(r"(?<=<h[1-3]>).*?(?=</h[1-3]>)", re.DOTALL)
# Between words, and not in a tag.
WITHIN_A_NAME = re.compile(r"(?:(?<=[a-z])(?=[A-Z])|(?<=[._])(?=\w))(?![^<>]*>)")


def add_breaks(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Say in each heading of a page where a name can be broken."""
    if "body" in context:
        context["body"] = HEADING.sub(_breakable, context["body"])


def _breakable(heading: re.Match[str]) -> str:
    return WITHIN_A_NAME.sub("<wbr>", heading[0])


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", add_breaks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
