"""Checks of what callers give that goes into events as it is: a journal could not be read again
that holds anything else there."""

from __future__ import annotations

from trioflow.wire._shown import shown


def check_string(what: str, given: object) -> None:
    """Check that an id, a name or a reason is a string.

    Raises:
      TypeError: if it is anything else.
    """
    if not isinstance(given, str):
        raise TypeError(f"{what} must be a string, not {shown(given)}")


def check_optional_string(what: str, given: object) -> None:
    """Check that something that may be left out is a string, or None.

    Raises:
      TypeError: if it is anything else.
    """
    if given is not None:
        check_string(what, given)
