"""Which strings and numbers a database takes.

Strings that UTF-8 can encode, without NUL (for PostgreSQL), and numbers of 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterable

from trioflow.abc import Append, Request
from trioflow.errors import JournalConflictError, RequestRefusedError

PROBLEM = "it has a string with a NUL or a lone surrogate"


MOST = 2**63 - 1


def bounded(number: int) -> int:
    """Return a number of rows, or a position, as the nearest one that a database takes."""
    return max(-MOST, min(number, MOST))


def readable(stored: bytes) -> str:
    """Return a stored string; if it is damaged, one that is no valid JSON, id or name.

    Otherwise, a damaged run could not be listed, canceled or deleted, nor the runs beside it be
    listed.
    """
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return DAMAGED + stored.decode(errors="replace")


DAMAGED = "\N{REPLACEMENT CHARACTER}"
"""What a damaged string begins with."""


def is_storable(text: str) -> bool:
    """Return whether a database can store *text*."""
    if "\0" in text:
        return False
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return False
    return True


def are_storable(texts: Iterable[str | None]) -> bool:
    """Return whether a database can store all the strings."""
    return all(text is None or is_storable(text) for text in texts)


def unstorable(append: Append) -> JournalConflictError | None:
    """Return why a database cannot store *append*, or None."""
    for entry in append.entries:
        if not are_storable(entry.parts):
            return JournalConflictError(append.run_id, PROBLEM)
    texts = [append.run_id, append.owner, append.input]
    if append.header is not None:
        header = append.header
        texts += [header.workflow_id, header.resource_id, header.fingerprint, header.input]
        texts += header.tags
    return None if are_storable(texts) else JournalConflictError(append.run_id, PROBLEM)


def check_storable(request: Request) -> None:
    """Check that a database can store a request.

    Raises:
      RequestRefusedError: if it cannot.
    """
    if not are_storable([request.payload, request.by]):
        raise RequestRefusedError(request.run_id, request.kind, PROBLEM)
