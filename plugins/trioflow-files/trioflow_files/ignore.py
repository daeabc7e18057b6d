"""The rules of .gitignore files, as git applies them while it walks a folder.

The patterns themselves are translated by pathspec. Its own matching is made for lists of
paths, where a pattern that matches a folder also matches whatever lies in it. A walk asks
about one folder or file at a time and does not enter what is ignored, so here a pattern
must match the path itself: this is what makes a rule such as ``!keep`` re-include the
folder, but not each file that another rule ignores in it.
"""

from __future__ import annotations

import re

from attrs import frozen
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from trioflow_files.reading import do_not_check, read_chunks

_TRAILING_SPACES = re.compile(r"(?<!\\) +$")


@frozen
class Rule:
    """One line of a .gitignore file."""

    ignores: bool
    """False for a line with ``!``, which re-includes."""
    folders_only: bool
    regex: re.Pattern[str]

    def matches(self, path: str, is_folder: bool) -> bool:
        """Tell whether the rule is about *path*, given from the folder of the rule."""
        return (is_folder or not self.folders_only) and bool(self.regex.fullmatch(path))


@frozen
class RuleFile:
    """The rules of one .gitignore file."""

    base: str
    """The folder it lies in, ``""`` or ``"a/b/"``."""
    rules: tuple[Rule, ...]


def is_ignored(path: str, is_folder: bool, files: tuple[RuleFile, ...]) -> bool:
    """Tell whether *path* is ignored. The folder it lies in must not be.

    Args:
      path: From the root, with forward slashes and without one at the end.
      is_folder: Whether it is a folder; a link to one is not.
      files: The rules that hold there, the root's first. Of all rules that match, the
        last one counts.
    """
    for file in reversed(files):
        inner = path.removeprefix(file.base)
        for rule in reversed(file.rules):
            if rule.matches(inner, is_folder):
                return rule.ignores
    return False


def read_rules(path: str) -> tuple[Rule, ...]:
    """Return the rules of the .gitignore file at *path*.

    Raises:
      OSError: if it cannot be read.
    """
    content = b"".join(read_chunks(path, do_not_check))
    # As file names are decoded, so that a pattern finds a name that is not UTF-8.
    text = content.decode("utf-8-sig", "surrogateescape")
    rules = (parse_rule(line.removesuffix("\r")) for line in text.split("\n"))
    return tuple(rule for rule in rules if rule)


def parse_rule(line: str) -> Rule | None:
    """Return the rule that a line states; None for a blank, a comment or nonsense."""
    line = _TRAILING_SPACES.sub("", line)
    folders_only = line.endswith("/")
    try:
        pattern = GitIgnoreSpecPattern(_matching_itself(line.removesuffix("/")))
    except (ValueError, re.error):
        return None  # git, too, goes on without a pattern that it does not understand
    if pattern.include is None or pattern.regex is None:
        return None
    return Rule(pattern.include, folders_only, pattern.regex)


def _matching_itself(line: str) -> str:
    """Rewrite a final ``*`` or ``**``, whose translations match only part of a path."""
    sign = line[: line.startswith("!")]
    head, slash, last = line.removeprefix("!").rpartition("/")
    return sign + head + slash + {"*": "?*", "**": "**/?*"}.get(last, last)
