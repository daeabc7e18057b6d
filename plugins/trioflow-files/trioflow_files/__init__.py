"""A trioflow plugin that lists, measures and searches the files of a folder.

The three functions at the end are the hooks: trioflow finds this module by the entry
point in pyproject.toml and calls them. They only return existing objects; nothing is read
or started before a run.
"""

from __future__ import annotations

from typing import Any

from trioflow import Step, Tool, Workflow, hookimpl
from trioflow_files.digesting import digest_file
from trioflow_files.errors import (
    InvalidPatternError,
    RootError,
    SearchCrashedError,
    SlowPatternError,
)
from trioflow_files.listing import list_files
from trioflow_files.models import (
    DuplicateGroup,
    ExtensionTotal,
    FileDigest,
    FileEntry,
    FileSize,
    Findings,
    Folder,
    Match,
    Problem,
    ProblemKind,
    Report,
)
from trioflow_files.names import to_path, to_text
from trioflow_files.reporting import (
    duplicate_files,
    extension_totals,
    largest_files,
    report,
    summarize,
)
from trioflow_files.searching import grep

__all__ = [
    "DuplicateGroup",
    "ExtensionTotal",
    "FileDigest",
    "FileEntry",
    "FileSize",
    "Findings",
    "Folder",
    "InvalidPatternError",
    "Match",
    "Problem",
    "ProblemKind",
    "Report",
    "RootError",
    "SearchCrashedError",
    "SlowPatternError",
    "digest_file",
    "duplicate_files",
    "extension_totals",
    "grep",
    "largest_files",
    "list_files",
    "report",
    "summarize",
    "to_path",
    "to_text",
]


@hookimpl
def trioflow_steps() -> list[Step[Any, Any]]:
    """Return the steps."""
    return [list_files, digest_file, largest_files, duplicate_files, extension_totals, summarize]


@hookimpl
def trioflow_tools() -> list[Tool[..., Any]]:
    """Return the tools."""
    return [grep]


@hookimpl
def trioflow_workflows() -> list[Workflow[Any, Any]]:
    """Return the workflows."""
    return [report]
