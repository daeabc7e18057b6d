"""The outcomes of items and arms with ``on_error="collect"``: an output, or an error."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import attrs

from trioflow._help import PlainHelp
from trioflow.errors import name_and_message

T = TypeVar("T", covariant=True)


@attrs.frozen
class Ok(Generic[T], metaclass=PlainHelp):
    """An item or arm that succeeded.

    Args:
      value: Its output.
    """

    value: T


def _same(error: BaseException) -> Any:
    return name_and_message(error)


@attrs.frozen
class Failed(metaclass=PlainHelp):
    """An item or arm that failed. Canceled and timed-out ones count as failed.

    Two instances are equal if they have the same address and number of attempts, and their errors
    have the same class name and message, because a recorded error is read back as another object.

    Args:
      error: The exception of the last attempt; an ExceptionGroup if several steps in it failed.
      attempts: How many attempts were made; 0 if it failed before its body ran.
      address: Its address in the run, such as ``"2[7]"`` for an item. `trioflow.addresses` parses
        addresses.
    """

    error: BaseException = attrs.field(eq=_same)
    attempts: int
    address: str
