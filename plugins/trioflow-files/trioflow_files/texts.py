"""Bytes as text, and text in parts that are not too long."""

from __future__ import annotations

import codecs

from trioflow_files.errors import NotTextError, TooLargeError
from trioflow_files.models import FileText


def as_text(data: bytes, path: str, *, is_cut: bool) -> str:
    """Return the text of a file.

    Args:
      data: The file, or its beginning.
      path: The file, for messages.
      is_cut: Whether the file has more bytes.

    Raises:
      NotTextError: if it is binary or not UTF-8.
    """
    if b"\0" in data:
        raise NotTextError(path, f"is binary: byte {data.index(0)} is NUL")
    try:
        # The last character may be cut off.
        text, _ = codecs.utf_8_decode(data.removeprefix(codecs.BOM_UTF8), "strict", not is_cut)
    except UnicodeDecodeError as exc:
        raise NotTextError(path, f"is not UTF-8: {exc.reason} at byte {exc.start}") from exc
    return text


def cut_lines(text: str, path: str, first_line: int, limit: int, *, is_cut: bool) -> FileText:
    """Return lines of a text, at most *limit* characters.

    Raises:
      TooLargeError: if the first line is in a part of the file that was not read.
    """
    start = _start_of(text, first_line)
    if start is None:
        if is_cut:
            raise TooLargeError(path, f"is too large: line {first_line} is after what is read")
        return FileText(path, "", first_line, 0, is_cut=False)
    part = text[start : start + limit]
    ends = start + len(part) == len(text)
    if not ends and "\n" in part:
        part = part[: part.rindex("\n") + 1]  # the next part begins with a whole line
    lines = part.count("\n") + (not part.endswith("\n") and bool(part))
    return FileText(path, part, first_line, lines, is_cut=is_cut or not ends)


def _start_of(text: str, line: int) -> int | None:
    """Return where a line begins; None if there are fewer lines."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
        if not start:
            return None
    return start
