"""The tree of pages at the side, which Furo makes anew for each page, in half of the build.

It is the same on all of them but for where links lead from there, and which entry is that of the
page. So it is made once, by Furo, and only that is set for each page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bs4 import BeautifulSoup, Tag
from furo.navigation import get_navigation_tree  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment.adapters.toctree import global_toctree_for_doc
from sphinx.util.osutil import relative_uri


class Tree:
    """The entries of all pages, with links as they are on the first one."""

    def __init__(self, html: str) -> None:
        self.soup = BeautifulSoup(
            get_navigation_tree(html), "html.parser", multi_valued_attributes=None
        )
        self.links = {link: str(link["href"]) for link in self.soup.find_all("a")}

    def on(self, address: str) -> str:
        """Return the tree as it is on the page with an address."""
        own = None
        for link, target in self.links.items():
            link["href"] = relative_uri(address, target) or "#"
            own = link if link["href"] == "#" else own
        if own is None:
            return str(self.soup)
        before = [(tag, dict(tag.attrs)) for tag in around(own)]
        mark(own)
        html = str(self.soup)
        for tag, attributes in before:
            tag.attrs = attributes
        return html


def around(link: Tag) -> Iterator[Tag]:
    """Yield what is marked for the page of a link: it, and all that its entry is in."""
    yield link
    for tag in link.parents:
        if tag.name in ("li", "ul"):
            yield tag
        if tag.name == "li" and (box := tag.find("input", recursive=False)):
            yield box


def mark(own: Tag) -> None:
    """Mark the entry of a page, and open the entries that it is in."""
    innermost = True
    for tag in around(own):
        classes = str(tag.get("class", "")).split()
        if tag.name == "input":
            tag["checked"] = ""
        elif tag.name == "li":
            last = ["current-page"] if innermost else []
            tag["class"] = " ".join([classes[0], "current", *classes[1:], *last])
            innermost = False
        else:
            tag["class"] = " ".join(["current", *classes])


class Navigation:
    """Puts the tree into each page."""

    def __init__(self) -> None:
        self.tree = Tree("")

    def make(self, app: Sphinx, builder: Builder) -> None:
        """Make the tree, before the processes that write pages begin."""
        if isinstance(builder, StandaloneHTMLBuilder):
            root = app.config.root_doc
            tree = global_toctree_for_doc(
                app.env, root, builder, tags=app.tags, titles_only=True, maxdepth=-1
            )
            self.tree = Tree(builder.render_partial(tree)["fragment"])

    def hide(self, app: Sphinx, page: str, template: str, context: Any, doctree: object) -> None:
        """Take from Furo what it makes the tree of."""
        context.pop("toctree", None)

    def show(self, app: Sphinx, page: str, template: str, context: Any, doctree: object) -> None:
        """Give the page its tree."""
        context["furo_navigation_tree"] = self.tree.on(app.builder.get_target_uri(page))


def setup(app: Sphinx) -> dict[str, Any]:
    navigation = Navigation()
    app.connect("write-started", navigation.make)
    app.connect("html-page-context", navigation.hide, priority=499)  # before Furo
    app.connect("html-page-context", navigation.show, priority=501)  # and after it
    return {"parallel_read_safe": True, "parallel_write_safe": True}
