"""The rules of .gitignore files, applied as by git while it walks a folder.

pathspec translates the patterns. Its own matching is designed for lists of
paths, where a pattern that matches a folder also matches everything in it. A walk checks
one folder or file at a time and does not enter ignored folders, so here a pattern
must match the path itself. This way a rule such as ``!keep`` re-includes the
folder, but not each file in it that another rule ignores.
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
        """Return whether the rule matches *path*, relative to the folder of the rule."""
        return (is_folder or not self.folders_only) and bool(self.regex.fullmatch(path))


@frozen
class RuleFile:
    """The rules of one .gitignore file."""

    base: str
    """Its folder, ``""`` or ``"a/b/"``."""
    rules: tuple[Rule, ...]


def is_ignored(path: str, is_folder: bool, files: tuple[RuleFile, ...]) -> bool:
    """Return whether *path* is ignored. Its parent folder must not be ignored.

    Args:
      path: Relative to the root, with forward slashes and without a trailing one.
      is_folder: Whether it is a folder; a link to a folder is not.
      files: The rules that apply, the root's first. The last rule that matches wins.
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
    # Decoded like file names, so that a pattern also matches a name that is not UTF-8.
    text = content.decode("utf-8-sig", "surrogateescape")
    rules = (parse_rule(line.removesuffix("\r")) for line in text.split("\n"))
    return tuple(rule for rule in rules if rule)


def parse_rule(line: str) -> Rule | None:
    """Return the rule on a line; None for a blank line, a comment or an invalid pattern."""
    line = _TRAILING_SPACES.sub("", line)
    folders_only = line.endswith("/")
    try:
        pattern = GitIgnoreSpecPattern(_matching_itself(line.removesuffix("/")))
    except (ValueError, re.error):
        return None  # git also ignores invalid patterns
    if pattern.include is None or pattern.regex is None:
        return None
    return Rule(pattern.include, folders_only, pattern.regex)


def _matching_itself(line: str) -> str:
    """Rewrite a final ``*`` or ``**``, whose translations match only part of a path."""
    sign = line[: line.startswith("!")]
    head, slash, last = line.removeprefix("!").rpartition("/")
    return sign + head + slash + {"*": "?*", "**": "**/?*"}.get(last, last)
