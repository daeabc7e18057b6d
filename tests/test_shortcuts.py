"""Shortcuts are named where they are, shown to be right, and measured; nothing else is claimed."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import attrs
import pytest

from benchmarks.shortcuts import table
from benchmarks.shortcuts.registry import SHORTCUTS
from benchmarks.shortcuts.shortcut import Saving, Shortcut

PACKAGE = Path(__file__).parents[1] / "trioflow"
FILES = sorted(PACKAGE.rglob("*.py"))
SOURCES = {file.relative_to(PACKAGE).as_posix(): file.read_text("utf-8") for file in FILES}
NAMED = re.compile(r"[Ss]hortcuts? ((?:`[a-z-]+`(?:, | and )?)+)")
"""How the code names shortcuts."""


def named_in(source: str) -> set[str]:
    in_one_line = re.sub(r"\n\s*(# )?", " ", source)
    return {id for ids in NAMED.findall(in_one_line) for id in re.findall("`([a-z-]+)`", ids)}


def test_the_code_names_each_shortcut_where_the_table_says() -> None:
    named = {(file, id) for file, source in SOURCES.items() for id in named_in(source)}
    listed = {(file, s.id) for s in SHORTCUTS.values() for file in s.where.split(", ")}

    assert listed <= named
    assert {id for _, id in named} == SHORTCUTS.keys()


@pytest.mark.parametrize("file", SOURCES)
def test_the_code_claims_no_figures(file: str) -> None:
    assert not re.search(r"\d ?(µs|ns)\b", SOURCES[file])


def test_the_table_has_each_shortcut() -> None:
    document = table.FILE.read_text("utf-8")
    savings = [Saving(shortcut, 0.0, 0.0, 0.0, 1) for shortcut in SHORTCUTS.values()]
    words = [table.row(saving).rpartition(" | 0 | 0 | 0 |")[0] for saving in savings]

    row = r"^(\| `.*?) \| [\d,]+ \| [\d,]+ \| -?[\d,]+ \|$"
    assert re.findall(row, document, re.MULTILINE) == words


@pytest.mark.parametrize("shortcut", SHORTCUTS.values(), ids=SHORTCUTS)
def test_each_shortcut_can_be_measured(shortcut: Shortcut, monkeypatch: pytest.MonkeyPatch) -> None:
    # A collection before each sample takes long in a process with thousands of tests.
    monkeypatch.setattr(gc, "collect", lambda: 0)
    few = attrs.evolve(shortcut, number=min(shortcut.number, 100))

    saving = few.measure(samples=1)

    assert saving.fast > 0
    assert saving.saved == pytest.approx(saving.plain - saving.fast)
    assert shortcut.id in table.line(saving)
