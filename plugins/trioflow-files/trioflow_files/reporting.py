"""``files.report``: a workflow, and the steps that create its report from digests."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from operator import attrgetter

from trioflow import Workflow, from_input, from_step, step
from trioflow_files.digesting import digest_file
from trioflow_files.listing import list_files
from trioflow_files.models import (
    DuplicateGroup,
    ExtensionTotal,
    FileDigest,
    FileSize,
    Findings,
    Folder,
    Problem,
    Report,
)
from trioflow_files.names import to_text

CONCURRENCY = 8
"""Number of files to read at once: enough to keep a disk busy, and few enough to leave
threads for other work (Trio allows 40)."""
LARGEST = 10
"""Number of largest files to report."""


@step(id="files.largest")
def largest_files(digests: list[FileDigest]) -> list[FileSize]:
    """Find the ten largest files, the largest first."""
    ordered = sorted(_readable(digests), key=lambda digest: (-digest.bytes, digest.path))
    return [FileSize(digest.path, digest.bytes) for digest in ordered[:LARGEST]]


@step(id="files.duplicates")
def duplicate_files(digests: list[FileDigest]) -> list[DuplicateGroup]:
    """Find files with the same content, the most wasteful first. Empty files do not count."""
    groups = defaultdict(list)
    for digest in _readable(digests):
        if digest.bytes:
            groups[digest.sha256].append(digest)
    duplicates = [_duplicate(group) for group in groups.values() if len(group) > 1]
    return sorted(duplicates, key=lambda group: (-group.wasted, group.paths))


@step(id="files.extensions")
def extension_totals(digests: list[FileDigest]) -> list[ExtensionTotal]:
    """Sum up files by extension, the extension with most bytes first."""
    groups = defaultdict(list)
    for digest in _readable(digests):
        groups[os.path.splitext(digest.path)[1].lower()].append(digest)
    totals = [
        ExtensionTotal(
            extension,
            files=len(group),
            bytes=sum(map(attrgetter("bytes"), group)),
            lines=sum(map(attrgetter("lines"), group)),
            words=sum(map(attrgetter("words"), group)),
        )
        for extension, group in groups.items()
    ]
    return sorted(totals, key=lambda total: (-total.bytes, total.extension))


@step(id="files.summarize")
def summarize(findings: Findings) -> Report:
    """Combine the findings into one report."""
    return Report(
        root=to_text(findings.root),
        files=sum(total.files for total in findings.extensions),
        bytes=sum(total.bytes for total in findings.extensions),
        lines=sum(total.lines for total in findings.extensions),
        words=sum(total.words for total in findings.extensions),
        largest=findings.largest,
        duplicates=findings.duplicates,
        extensions=findings.extensions,
        binary=[FileSize(d.path, d.bytes) for d in findings.digests if d.binary],
        problems=[
            Problem(d.path, d.problem, d.detail) for d in findings.digests if d.problem is not None
        ],
    )


report = (
    Workflow(
        "files.report",
        input=Folder,
        output=Report,
        description="Report on the files of a folder: sizes, duplicates, extensions, problems.",
    )
    .then(list_files)
    .foreach(digest_file, concurrency=CONCURRENCY)
    .parallel(largest_files, duplicate_files, extension_totals)
    .map(
        {
            "root": from_input("root"),
            "digests": from_step(digest_file),
            "largest": from_step(largest_files),
            "duplicates": from_step(duplicate_files),
            "extensions": from_step(extension_totals),
        },
        id="files.findings",
    )
    .then(summarize)
)
"""Lists a folder, reads several files at a time, and outputs a `Report`.

A file that cannot be read is listed in the report. Only a root that cannot be listed
fails the run, with `RootError`.
"""


def _readable(digests: Iterable[FileDigest]) -> list[FileDigest]:
    return [digest for digest in digests if digest.problem is None]


def _duplicate(group: list[FileDigest]) -> DuplicateGroup:
    size = group[0].bytes
    paths = sorted(digest.path for digest in group)
    return DuplicateGroup(size, size * (len(group) - 1), group[0].sha256, paths)
