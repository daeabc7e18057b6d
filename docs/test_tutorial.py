"""The chapters of the tutorial can be followed in one folder."""

from __future__ import annotations

import re
from pathlib import Path

CHAPTERS = sorted((Path(__file__).parent / "tutorial").glob("[0-9]*.md"))


def test_no_chapter_finds_the_runs_of_another() -> None:
    owners: dict[str, str] = {}
    for chapter in CHAPTERS:
        for name in re.findall(r"sqlite:(\w+\.db)", chapter.read_text("utf-8")):
            assert owners.setdefault(name, chapter.name) == chapter.name

    assert len(owners) > 3
