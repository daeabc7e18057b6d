"""The fields of a form, by name.

A value at the JSON pointer ``/lines/0/name`` has the field ``v/lines/0/name`` with its text. Where
something is chosen, ``k/...`` says what: the number of an alternative, or nothing if the value is
not given. ``n/...`` is the length of a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from trioflow_server.pages.forms.schema import Shaped, Shaper, allows_null

Fields: TypeAlias = Mapping[str, str]
TEXT, CHOSEN, LENGTH = "v", "k", "n"
MOST_ITEMS = 100
"""Most items of a list that a form shows; longer lists are written as JSON."""


def inside(pointer: str, key: str | int) -> str:
    """Return the pointer of a key or an item."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def length_of(fields: Fields, pointer: str) -> int:
    """Return how many items a list has."""
    text = fields.get(LENGTH + pointer, "")
    is_number = text.isascii() and text.isdigit() and len(text) < 5
    return min(int(text), MOST_ITEMS) if is_number else 0


def is_list_given(fields: Fields, pointer: str, required: bool) -> bool:
    """Return whether a list is given; an optional one is so once an item was added."""
    return required or fields.get(LENGTH + pointer, "") != ""


def chosen_of(fields: Fields, pointer: str, count: int) -> int | None:
    """Return the number of the chosen alternative of *count*; None if none is."""
    text = fields.get(CHOSEN + pointer, "")
    is_number = text.isascii() and text.isdigit() and len(text) < 5
    return int(text) if is_number and int(text) < count else None


def simplified(shaper: Shaper, shaped: Shaped, required: bool, depth: int) -> Shaped:
    """Return what is shown of an optional value that is null or something else.

    To leave it out is as good as null, so there is nothing to choose.
    """
    others = [each for each in shaped.branches if not allows_null(each)]
    is_optional = shaped.shape == "union" and not required
    has_default = shaped.schema.get("default") is not None
    if not is_optional or has_default or (len(others), len(shaped.branches)) != (1, 2):
        return shaped
    found = shaper.shape(others[0], depth)
    about = {key: text for key, text in shaped.schema.items() if key == "description"}
    return Shaped(found.shape, {**found.schema, **about}, found.branches)


def is_presence_chosen(shaped: Shaped, required: bool) -> bool:
    """Return whether a form has a choice for whether a value is given at all."""
    return not required and shaped.shape in ("object", "row", "fixed", "null")
