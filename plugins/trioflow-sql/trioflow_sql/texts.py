"""Which texts can be stored: all that UTF-8 can hold, but for NUL, which PostgreSQL refuses."""

from __future__ import annotations

from trioflow.abc import Append
from trioflow.errors import JournalConflictError


def is_storable(text: str) -> bool:
    """Tell whether a database can hold *text*."""
    if "\0" in text:
        return False
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unstorable(append: Append) -> JournalConflictError | None:
    """Return why no database can hold *append*, or None."""
    texts = [append.run_id, append.owner or "", *(entry.text for entry in append.entries)]
    if append.header is not None:
        header = append.header
        texts += [header.workflow_id, header.resource_id or "", header.fingerprint]
    if all(map(is_storable, texts)):
        return None
    return JournalConflictError(append.run_id, "it has text with NUL or a lone surrogate")
