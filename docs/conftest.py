"""Run the code blocks of the pages as tests: each page in order, as one program."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sybil import Document, Example, Sybil
from sybil.parsers.myst import CodeBlockParser, SkipParser

sys.path.insert(0, str(Path(__file__).parent))

from _tools.blocks import Page, open_page

collect_ignore = ["_build"]


def run_python(example: Example) -> None:
    """Run a Python block; its caption is the name of the file that it is saved as."""
    page = page_of(example)
    options: dict[str, str] = example.region.lexemes.get("options") or {}
    page.run(str(example.parsed), example.line + len(options), options.get("caption"))


def compare_text(example: Example) -> str | None:
    """Compare a text block with what was printed before it."""
    return page_of(example).check(str(example.parsed), example.line)


def page_of(example: Example) -> Page:
    page: Page = example.namespace["page"]
    return page


def set_up(namespace: dict[str, Any]) -> None:
    namespace["stack"] = ExitStack()
    path = Path(namespace["__page__"])
    namespace["page"] = namespace["stack"].enter_context(open_page(path))


def tear_down(namespace: dict[str, Any]) -> None:
    namespace["stack"].close()


class PageDocument(Document):
    """A page, whose path the set-up needs."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(text, path)
        self.namespace["__page__"] = path


class FencedParser(CodeBlockParser):
    """Blocks of one language, fenced or as a directive."""


pytest_collect_file = Sybil(
    parsers=[
        FencedParser("python", run_python),
        FencedParser("text", compare_text),
        SkipParser(),
    ],
    patterns=["*.md"],
    excludes=["_build/**/*.md"],
    setup=set_up,
    teardown=tear_down,
    document_types={".md": PageDocument},
).pytest()
