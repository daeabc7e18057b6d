"""The comparison names what stands behind each of our cells, and its links to others are whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_tables import table_in

PAGE = "project/comparison.md"
FOLDER = Path(__file__).parent / "project"
ROWS = table_in(PAGE, "feature")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["feature"])
def test_each_of_our_cells_has_evidence(row: dict[str, str]) -> None:
    pages = re.findall(r"\]\(([^):]+\.md)\)", row["evidence"])
    tests = re.findall(r"`(tests/[^`]+)`", row["evidence"])

    admitted = row["trioflow"].startswith("**")
    assert pages or tests or admitted
    for path in [*(FOLDER / page for page in pages), *(FOLDER.parents[1] / test for test in tests)]:
        assert path.exists(), path


def test_each_source_is_used_and_defined() -> None:
    text = (FOLDER / "comparison.md").read_text("utf-8")

    used = set(re.findall(r"\[[^\]]+\]\[([\w-]+)\]", text))
    defined = re.findall(r"^\[([\w-]+)\]: https://\S+$", text, re.MULTILINE)
    assert used == set(defined)
    assert len(defined) == len(set(defined))
