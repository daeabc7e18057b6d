r"""Patterns as git's wildmatch.c understands them, as regular expressions of bytes.

This replaces the translation of pathspec 1.1, which differs from git 2.39 in what a .gitignore may
contain: it knows no ``[[:digit:]]``, takes a backslash in brackets for itself, lets ``?`` match a
whole character where git matches a byte, strips a tab at the end of a line, and hands some
brackets to `re` in a form of which `re` warns. git's own rules are short, so they are here whole.

Three things are worth knowing:

- A pattern is bytes, and so is a path: git does not decode names.
- A malformed pattern matches nothing. It is not an error.
- ``**`` means any number of folders only between slashes. git removes the literal beginning of a
  pattern before it looks, so ``x/a**/b`` matches like ``x/a`` followed by ``**/b``.

Every ``*`` is translated so that it gives nothing back once the part after it has matched: a name
is searched in quadratic time at most, whatever the pattern is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SPECIAL = re.compile(rb"[*?[\\]")
_STARS = re.compile(rb"\*+")
_SLASH = ord("/")
_BYTES = frozenset(range(1, 256))  # no path has a NUL


def _bytes_where(function: str) -> frozenset[int]:
    return frozenset(code for code in range(128) if getattr(chr(code), function)())


_UPPER, _LOWER, _DIGIT = map(_bytes_where, ("isupper", "islower", "isdigit"))
_PRINT = frozenset(range(0x20, 0x7F))
_SPACE = frozenset(b" \t\r\n")
_CLASSES = {
    b"alnum": _UPPER | _LOWER | _DIGIT,
    b"alpha": _UPPER | _LOWER,
    b"blank": frozenset(b" \t"),
    b"cntrl": frozenset(range(128)) - _PRINT,
    b"digit": _DIGIT,
    b"graph": _PRINT - _SPACE,
    b"lower": _LOWER,
    b"print": _PRINT,
    b"punct": _PRINT - _UPPER - _LOWER - _DIGIT - _SPACE,
    b"space": _SPACE,
    b"upper": _UPPER,
    b"xdigit": _DIGIT | frozenset(b"abcdefABCDEF"),
}


class MalformedError(ValueError):
    """Raised for a pattern that matches nothing."""


def compile_name(pattern: bytes) -> re.Pattern[bytes]:
    """Return the expression for a pattern without a slash; it matches whole names.

    Raises:
      MalformedError: if the pattern matches nothing.
    """
    return re.compile(_translate(pattern, False), re.DOTALL)


def compile_path(pattern: bytes) -> re.Pattern[bytes]:
    """Return the expression for a pattern with a slash; it matches whole paths.

    Raises:
      MalformedError: if the pattern matches nothing.
    """
    pattern = pattern.removeprefix(b"/")
    special = _SPECIAL.search(pattern)
    literal = len(pattern) if special is None else special.start()
    rest = _translate(pattern[literal:], True)
    return re.compile(re.escape(pattern[:literal]) + rest, re.DOTALL)


def _translate(pattern: bytes, is_path: bool) -> bytes:
    """Return the expression for a pattern, joined from parts between ``**``."""
    parts: list[list[bytes]] = [[b""]]
    gaps: list[bytes] = []
    for token in _tokens(pattern, is_path):
        if token in (b"**", b"**/"):
            gaps.append(token)
            parts.append([b""])
        elif token == b"*":
            parts[-1].append(b"")
        elif token == b"/":
            parts[-1][:] = [_segment(parts[-1]) + b"/"]
        else:
            parts[-1][-1] += token
    head, *others = map(_segment, parts)
    for index, (gap, part) in enumerate(zip(gaps, others, strict=True)):
        is_last = index == len(gaps) - 1
        if gap == b"**":
            head += b".*" + part if is_last else b"(?>.*?" + part + b")"
        else:
            head += b"(?:.*/)?" + part if is_last else b"(?>(?:.*?/)??" + part + b")"
    return head


def _segment(fixed: list[bytes]) -> bytes:
    """Return the expression for parts of a name of fixed length, with anything between them."""
    if len(fixed) == 1:
        return fixed[0]
    first, *between, last = fixed
    return first + b"".join(b"(?>[^/]*?" + part + b")" for part in between) + b"[^/]*" + last


def _tokens(pattern: bytes, is_path: bool) -> Iterator[bytes]:
    """Yield expressions for single bytes, ``/``, and the wildcards ``*``, ``**`` and ``**/``."""
    at = 0
    while at < len(pattern):
        char = pattern[at : at + 1]
        if char == b"*":
            token, at = _stars(pattern, at, is_path)
            yield token
        elif char == b"[":
            members, at = _brackets(pattern, at + 1)
            yield _any_of(members)
        elif char == b"\\":
            if at + 1 == len(pattern):
                raise MalformedError("a backslash at the end stands for nothing")
            yield _literal(pattern[at + 1 : at + 2])
            at += 2
        else:
            yield b"[^/]" if char == b"?" else _literal(char)
            at += 1


def _literal(char: bytes) -> bytes:
    return char if char == b"/" else re.escape(char)


def _stars(pattern: bytes, at: int, is_path: bool) -> tuple[bytes, int]:
    """Return the wildcard at a position, and the position after it."""
    found = _STARS.match(pattern, at)
    assert found is not None  # there is one
    end = found.end()
    after = pattern[end:]
    is_alone = at == 0 or pattern[at - 1] == _SLASH
    if not is_path or end - at == 1 or not is_alone:
        return b"*", end
    if after.startswith(b"/"):
        return b"**/", end + 1
    return (b"**" if not after or after.startswith(b"\\/") else b"*"), end


def _any_of(members: frozenset[int]) -> bytes:
    members -= {_SLASH}
    if not members:
        raise MalformedError("the brackets hold no character")
    return b"[" + b"".join(b"\\x%02x" % code for code in sorted(members)) + b"]"


def _brackets(pattern: bytes, at: int) -> tuple[frozenset[int], int]:
    """Return the bytes that brackets stand for, and the position after the closing one."""
    is_negated = pattern[at : at + 1] in (b"!", b"^")
    start = at = at + is_negated
    members: set[int] = set()
    lower: int | None = None
    while at == start or pattern[at : at + 1] != b"]":
        lower, at = _member(pattern, at, lower, members)
    return _BYTES - members if is_negated else frozenset(members), at + 1


def _member(
    pattern: bytes, at: int, lower: int | None, members: set[int]
) -> tuple[int | None, int]:
    """Add what stands at a position in brackets to the members.

    Returns the byte that may begin a range, and the position of the next member.
    """
    char = _byte(pattern, at)
    if char == ord("-") and lower and pattern[at + 1 : at + 2] not in (b"", b"]"):
        upper, at = _escaped(pattern, at + 1)
        members.update(range(lower, upper + 1))
        return None, at
    if pattern.startswith(b"[:", at):
        end = pattern.find(b"]", at + 2)
        if end < 0:
            raise MalformedError("a bracket is not closed")
        if end > at + 2 and pattern[end - 1] == ord(":"):
            members |= _class_of(pattern[at + 2 : end - 1])
            return None, end + 1
    char, at = _escaped(pattern, at)
    members.add(char)
    return char, at


def _class_of(name: bytes) -> frozenset[int]:
    if name not in _CLASSES:
        raise MalformedError(f"there is no class [:{name.decode(errors='replace')}:]")
    return _CLASSES[name]


def _escaped(pattern: bytes, at: int) -> tuple[int, int]:
    """Return the byte at a position, after a backslash if there is one, and the next position."""
    at += pattern[at : at + 1] == b"\\"
    return _byte(pattern, at), at + 1


def _byte(pattern: bytes, at: int) -> int:
    if at >= len(pattern):
        raise MalformedError("a bracket is not closed")
    return pattern[at]
