"""Recorded values for display: without tags, as `trioflow.wire` writes them."""

from __future__ import annotations

from trioflow._forms.form import Plain, content_of, tag_of, tagged


def untagged(plain: Plain) -> Plain:
    """Return recorded data without tags, at any depth. Never fails."""
    if type(plain) is list:
        return [untagged(item) for item in plain]
    if type(plain) is not dict:
        return plain
    tag = tag_of(plain)
    if tag is None:
        return {key: untagged(item) for key, item in plain.items()}
    content = content_of(plain)
    if tag == "dict" and type(content) is dict:
        return {key: untagged(item) for key, item in content.items()}
    if tag == "pairs":
        return _object(content)
    if tag == SECRET:
        return MASK
    if tag in FIRST and type(content) is list and content:
        return untagged(content[0])
    return untagged(content)


SECRET = "secret"
MASK = "**********"
"""The display of a secret."""
FIRST = ("zoned", "deque", "defaultdict", "state")
"""Tags of lists whose first item is displayed; the others are details."""


def _object(pairs: Plain) -> Plain:
    try:
        return {_key(untagged(key)): untagged(item) for key, item in pairs}
    except (TypeError, ValueError):
        return pairs


def _key(key: Plain) -> str:
    return key if isinstance(key, str) else str(key)


def escaped(plain: Plain) -> Plain:
    """Return plain JSON types with everything escaped that looks like a tag."""
    if type(plain) is list:
        return [escaped(item) for item in plain]
    if type(plain) is not dict:
        return plain
    inner = {key: escaped(item) for key, item in plain.items()}
    return inner if tag_of(plain) is None else tagged("dict", inner)
