"""Check arguments of callers that go into events unchanged.

A journal that held anything else could not be read again.
"""

from __future__ import annotations

from trioflow.wire._shown import shown


def check_string(what: str, given: object) -> None:
    """Check that an id, a name or a reason is a string.

    Raises:
      TypeError: if it is not a string.
    """
    if not isinstance(given, str):
        raise TypeError(f"{what} must be a string, not {shown(given)}")


def check_optional_string(what: str, given: object) -> None:
    """Check that an optional argument is a string or None.

    Raises:
      TypeError: if it is anything else.
    """
    if given is not None:
        check_string(what, given)
