r"""Paths as strings that can be printed, sent and converted back to the path.

On most systems a file name is a sequence of arbitrary bytes. Python decodes bytes that are
not UTF-8 to lone surrogates, which can be neither printed nor encoded. This module escapes
them as in a Python string literal, and also control characters and the backslash:

=========================== =======================
the byte E9                 ``\xe9``
a line feed                 ``\x0a``
a backslash                 ``\\``
any other lone surrogate    ``\ud800``
=========================== =======================

All other characters, of any script, are unchanged. No two paths have the same string.
"""

from __future__ import annotations

import os
import re

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\]")
_ESCAPE = re.compile(r"\\(?:(\\)|x([0-9a-f]{2})|u([0-9a-f]{4}))")
_BYTE_SURROGATES = 0xDC00
"""Python decodes a byte that is not UTF-8 to this plus the byte."""


def to_text(path: str) -> str:
    """Return *path* (as `os.listdir` returns it) as a printable string with forward slashes."""
    return _UNPRINTABLE.sub(_escape, path.replace(os.sep, "/"))


def to_path(text: str) -> str:
    """Return the path that `to_text` converted to *text*."""
    return _ESCAPE.sub(_unescape, text)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char == "\\":
        return "\\\\"
    byte = ord(char) - _BYTE_SURROGATES
    if 0x80 <= byte <= 0xFF:
        return f"\\x{byte:02x}"
    return f"\\x{ord(char):02x}" if char < "\x80" else f"\\u{ord(char):04x}"


def _unescape(match: re.Match[str]) -> str:
    backslash, byte, char = match.groups()
    if byte:
        code = int(byte, 16)
        return chr(code if code < 0x80 else code + _BYTE_SURROGATES)
    return "\\" if backslash else chr(int(char, 16))
