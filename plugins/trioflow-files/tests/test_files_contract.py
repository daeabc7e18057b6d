"""The testing kit of trioflow finds nothing wrong with the steps and tools.

Copy this file first: it tries what a test of one's own seldom does. Each body is stopped at
each of its moments, and its values go through JSON, as they do in the journal of a run.
"""

from pathlib import Path

import pytest
from trioflow_files import (
    FileEntry,
    Folder,
    InvalidPatternError,
    RootError,
    digest_file,
    duplicate_files,
    extension_totals,
    grep,
    largest_files,
    list_files,
    report,
    summarize,
)

from trioflow import Step
from trioflow.testing import check_step, check_tool, fuzz_cancel


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A folder with some files, and a broken link."""
    (tmp_path / "docs").mkdir()
    for number in range(3):
        (tmp_path / "docs" / f"{number}.txt").write_text("one\ntwo\nthree\n" * number)
    (tmp_path / "image").write_bytes(b"\0two")
    (tmp_path / "link").symlink_to("nowhere")
    return str(tmp_path)


def test_listing_can_be_relied_on(root: str) -> None:
    check_step(list_files, Folder(root), deterministic=True)


def test_a_missing_root_is_an_error_that_travels() -> None:
    check_step(list_files, Folder("/no such folder"), raises=(RootError,))


@pytest.mark.parametrize("path", ["docs/2.txt", "image", "link", "gone"])
def test_digesting_can_be_relied_on(root: str, path: str) -> None:
    check_step(digest_file, FileEntry(root, path), deterministic=True)


@pytest.mark.parametrize("step", [largest_files, duplicate_files, extension_totals, summarize])
def test_adding_up_can_be_relied_on_whatever_was_found(step: Step[object, object]) -> None:
    check_step(step, examples=10, deterministic=True)


@pytest.mark.parametrize("pattern", ["t", "nothing", "^"])
def test_grep_can_be_relied_on(root: str, pattern: str) -> None:
    check_tool(grep, {"pattern": pattern, "root": root}, deterministic=True)


def test_a_bad_pattern_is_an_error_that_travels(root: str) -> None:
    check_tool(grep, {"pattern": "(", "root": root}, raises=(InvalidPatternError,))


def test_reports_can_be_canceled_anywhere(root: str) -> None:
    assert fuzz_cancel(report, Folder(root)) > 10
