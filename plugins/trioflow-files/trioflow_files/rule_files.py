"""The .gitignore files of folders that are open."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Collection

from trioflow_files.confined import OpenFolder
from trioflow_files.ignore import Rule, RuleFile, rules_in
from trioflow_files.reading import do_not_check, read_chunks

NEVER_LISTED = ".git"
RULES = ".gitignore"
OWN_RULES = ".git/info/exclude"
"""What a working copy ignores in addition; .gitignore files have priority."""


def rules_of(
    folder: OpenFolder, root: str, path: str, names: Collection[str]
) -> tuple[RuleFile, ...]:
    """Return the rules in an open folder.

    Args:
      path: The folder, relative to the root, with a slash at its end.
      names: The names in it.
    """
    found = []
    if not path and NEVER_LISTED in names:
        found.append(_read_rules(lambda: _own_rules(root)))
    if RULES in names:
        found.append(_read_rules(lambda: _content(folder.open_file(RULES))))
    return tuple(RuleFile(os.fsencode(path), rules) for rules in found if rules)


def _own_rules(root: str) -> bytes:
    return b"".join(read_chunks(os.path.join(root, OWN_RULES), do_not_check))


def _content(file: io.FileIO) -> bytes:
    with file:
        return file.readall()


def _read_rules(read: Callable[[], bytes]) -> tuple[Rule, ...]:
    try:
        return rules_in(read())
    except OSError:
        return ()  # it is listed like any other file, and reading it reports the problem
