"""A trioflow plugin that lists, measures and searches the files of a folder.

The three functions at the end are the hooks: trioflow finds this module by the entry
point in pyproject.toml and calls them. They only return existing objects; nothing is read
or started before a run.
"""

from __future__ import annotations

from typing import Any

from trioflow import Step, Tool, Workflow, hookimpl
from trioflow_files.accessing import list_below, read_text, write_text
from trioflow_files.digesting import digest_file
from trioflow_files.errors import (
    FileAccessError,
    IgnoredFileError,
    InvalidPatternError,
    NotTextError,
    OutsideRootError,
    RootError,
    SearchCrashedError,
    SlowPatternError,
    TooLargeError,
    UnreadableError,
)
from trioflow_files.listing import list_files
from trioflow_files.models import (
    DuplicateGroup,
    ExtensionTotal,
    FileDigest,
    FileEntry,
    FileSize,
    FileText,
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
from trioflow_files.tools import list_folder, read_file, tools_in, write_file

__all__ = [
    "DuplicateGroup",
    "ExtensionTotal",
    "FileAccessError",
    "FileDigest",
    "FileEntry",
    "FileSize",
    "FileText",
    "Findings",
    "Folder",
    "IgnoredFileError",
    "InvalidPatternError",
    "Match",
    "NotTextError",
    "OutsideRootError",
    "Problem",
    "ProblemKind",
    "Report",
    "RootError",
    "SearchCrashedError",
    "SlowPatternError",
    "TooLargeError",
    "UnreadableError",
    "digest_file",
    "duplicate_files",
    "extension_totals",
    "grep",
    "largest_files",
    "list_below",
    "list_files",
    "list_folder",
    "read_file",
    "read_text",
    "report",
    "summarize",
    "to_path",
    "to_text",
    "tools_in",
    "write_file",
    "write_text",
]


@hookimpl
def trioflow_steps() -> list[Step[Any, Any]]:
    """Return the steps. `list_files` has the id of a tool, which nodes are called by as well."""
    return [digest_file, largest_files, duplicate_files, extension_totals, summarize]


@hookimpl
def trioflow_tools() -> list[Tool[..., Any]]:
    """Return the tools."""
    return [grep, list_folder, read_file, write_file]


@hookimpl
def trioflow_workflows() -> list[Workflow[Any, Any]]:
    """Return the workflows."""
    return [report]
