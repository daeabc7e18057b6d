"""Reads values from the command line: JSON, a file of JSON, or standard input."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

from trioflow._cli.display import say
from trioflow._cli.errors import UsageError
from trioflow._cli.json_text import parse_json

MAX_BYTES = 2**28
"""Maximum size of a JSON file; some files, such as /dev/zero, have no end."""


def read_value(text: str, option: str) -> Any:
    """Return the value of an option.

    Args:
      text: JSON, ``@`` and the path of a file of JSON, or ``-`` for standard input.
      option: Name of the option, for errors.

    Raises:
      UsageError: if the file cannot be read or is not JSON.
    """
    if text == "-":
        return parse_json(_read_stdin(option), "standard input")
    if text.startswith("@"):
        return parse_json(_read_file(text[1:], option), text[1:])
    return parse_json(as_typed(text, option), option)


def as_typed(text: str, option: str) -> str:
    """Return an argument as UTF-8 text, also if the locale of the process is another one.

    Raises:
      UsageError: if it is not UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes that the locale does not have are surrogates
        return _decode(os.fsencode(text), option)
    return text


def read_context(entries: Sequence[str]) -> dict[str, Any]:
    """Return the runtime context from a list of entries; later entries win.

    Args:
      entries: Each ``KEY=STRING``, a JSON object, or ``@`` and the path of a file with one.

    Raises:
      UsageError: if an entry is none of these.
    """
    context: dict[str, Any] = {}
    for entry in entries:
        if entry.lstrip().startswith(("{", "@")):
            value = read_value(entry.lstrip(), "--context")
            if not isinstance(value, dict):
                raise UsageError(f"--context needs a JSON object, not {json.dumps(value)[:40]}")
            context |= value
        else:
            key, equals, text = as_typed(entry, "--context").partition("=")
            if not key or not equals:
                raise UsageError(f"--context needs KEY=STRING or a JSON object, not {entry!r}")
            context[key] = text
    return context


def read_limits(entries: Sequence[str]) -> dict[str, int]:
    """Return the limits from a list of ``NAME=NUMBER``; later entries win.

    Raises:
      UsageError: if an entry is invalid.
    """
    limits: dict[str, int] = {}
    for entry in entries:
        name, _, number = entry.partition("=")
        if not name or not number.isdecimal() or not int(number):
            raise UsageError(f"--limit needs NAME=NUMBER, such as gpu=2, not {entry!r}")
        limits[name] = int(number)
    return limits


def _read_stdin(option: str) -> str:
    if sys.stdin is None:  # closed by the parent process
        raise UsageError(f"{option}: standard input is closed; give JSON, or @FILE")
    if sys.stdin.isatty():
        say(f"{option}: type JSON, then Ctrl-D on its own line")
    try:
        data = _read(sys.stdin.buffer, "standard input")
    except OSError as exc:  # a closed terminal, or opened only for writing
        problem = exc.strerror or exc
        raise UsageError(f"{option}: cannot read standard input: {problem}") from exc
    return _decode(data, "standard input")


def _read_file(path: str, option: str) -> str:
    try:
        with open(path, "rb") as file:
            data = _read(file, path)
    except (OSError, ValueError) as exc:  # a path with NUL is a ValueError
        problem = getattr(exc, "strerror", None) or exc
        raise UsageError(f"{option}: cannot read {path!r}: {problem}") from exc
    return _decode(data, path)


def _read(file: BinaryIO, source: str) -> bytes:
    """Return the content of a file, which may have no end."""
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UsageError(f"{source} is larger than {MAX_BYTES >> 20} MiB, the maximum for an input")
    return data


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")  # some editors write a byte order mark
    except UnicodeDecodeError as exc:
        raise UsageError(f"{source} is not UTF-8 text: {exc.reason} at byte {exc.start}") from exc
