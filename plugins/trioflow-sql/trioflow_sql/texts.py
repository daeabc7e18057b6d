"""Which texts can be stored: all that UTF-8 can hold, but for NUL, which PostgreSQL refuses."""

from __future__ import annotations

from collections.abc import Iterable

from trioflow.abc import Append, Request
from trioflow.errors import JournalConflictError, RequestRefusedError

PROBLEM = "it has text with NUL or a lone surrogate"


def is_storable(text: str) -> bool:
    """Tell whether a database can hold *text*."""
    if "\0" in text:
        return False
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return False
    return True


def are_storable(texts: Iterable[str | None]) -> bool:
    """Tell whether a database can hold all the texts."""
    return all(text is None or is_storable(text) for text in texts)


def unstorable(append: Append) -> JournalConflictError | None:
    """Return why no database can hold *append*, or None."""
    for entry in append.entries:
        if not is_storable(entry.text):
            return JournalConflictError(append.run_id, PROBLEM)
    texts = [append.run_id, append.owner]
    if append.header is not None:
        header = append.header
        texts += [header.workflow_id, header.resource_id, header.fingerprint, header.input]
        texts += header.tags
    return None if are_storable(texts) else JournalConflictError(append.run_id, PROBLEM)


def check_storable(request: Request) -> None:
    """Check that a database can hold what is said in a request.

    Raises:
      RequestRefusedError: if it cannot.
    """
    if not are_storable([request.payload, request.by]):
        raise RequestRefusedError(request.run_id, request.kind, PROBLEM)
