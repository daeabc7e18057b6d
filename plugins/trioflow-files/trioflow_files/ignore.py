"""The rules of .gitignore files, applied as by git while it walks a folder.

A walk checks one folder or file at a time and does not enter ignored folders. So a rule such as
``!keep`` re-includes the folder, but not each file in it that another rule ignores.
"""

from __future__ import annotations

import codecs
import os
import re

from attrs import frozen

from trioflow_files.wildmatch import MalformedError, compile_name, compile_path


@frozen
class Rule:
    """One line of a .gitignore file."""

    ignores: bool
    """False for a line with ``!``, which re-includes."""
    folders_only: bool
    by_name: bool
    """Whether the pattern has no slash, and so is for the names of files in any folder."""
    regex: re.Pattern[bytes]

    def matches(self, path: bytes, is_folder: bool) -> bool:
        """Return whether the rule matches *path*, relative to the folder of the rule."""
        if self.folders_only and not is_folder:
            return False
        return bool(self.regex.fullmatch(path.rpartition(b"/")[2] if self.by_name else path))


@frozen
class RuleFile:
    """The rules of one .gitignore file."""

    base: bytes
    """Its folder, ``b""`` or ``b"a/b/"``."""
    rules: tuple[Rule, ...]


def is_ignored(path: str, is_folder: bool, files: tuple[RuleFile, ...]) -> bool:
    """Return whether *path* is ignored. Its parent folder must not be ignored.

    Args:
      path: Relative to the root, with forward slashes and without a trailing one.
      is_folder: Whether it is a folder; a link to a folder is not.
      files: The rules that apply, the root's first. The last rule that matches wins.
    """
    whole = os.fsencode(path)
    for file in reversed(files):
        inner = whole.removeprefix(file.base)
        for rule in reversed(file.rules):
            if rule.matches(inner, is_folder):
                return rule.ignores
    return False


def rules_in(content: bytes) -> tuple[Rule, ...]:
    """Return the rules that a .gitignore file with this content has."""
    lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
    rules = (parse_rule(line.removesuffix(b"\r")) for line in lines)
    return tuple(rule for rule in rules if rule)


def parse_rule(line: bytes) -> Rule | None:
    """Return the rule on a line; None for a comment, and for a line that matches nothing."""
    if line.startswith(b"#"):
        return None
    line = _without_spaces(line.partition(b"\0")[0])  # to git, a NUL ends the line
    pattern = line.removeprefix(b"!")
    folders_only = pattern.endswith(b"/")
    pattern = pattern.removesuffix(b"/")
    by_name = b"/" not in pattern
    try:
        regex = (compile_name if by_name else compile_path)(pattern)
    except MalformedError:
        return None
    return Rule(not line.startswith(b"!"), folders_only, by_name, regex) if pattern else None


def _without_spaces(line: bytes) -> bytes:
    """Remove spaces at the end of a line, but not one that a backslash quotes."""
    end = len(line.rstrip(b" "))
    backslashes = end - len(line[:end].rstrip(b"\\"))
    return line[: end + backslashes % 2]
