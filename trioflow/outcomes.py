"""What ``on_error="collect"`` gives for each item or arm: its output, or why it failed."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import attrs

from trioflow._help import PlainHelp
from trioflow.errors import told

T = TypeVar("T", covariant=True)


@attrs.frozen
class Ok(Generic[T], metaclass=PlainHelp):
    """An item or arm that ended well.

    Args:
      value: Its output.
    """

    value: T


def _same(error: BaseException) -> Any:
    return told(error)


@attrs.frozen
class Failed(metaclass=PlainHelp):
    """An item or arm that failed; canceled and timed-out ones have failed.

    Two of them are equal if they are of the same call and attempt, and their errors have the same
    class name and message: a recorded error is another object when it is read again.

    Args:
      error: What the last attempt raised; an ExceptionGroup if several steps in it failed.
      attempts: How many attempts were made; 0 if it failed before its body ran.
      address: Where in the run it is, such as ``"2[7]"`` for an item. `trioflow.addresses` takes
        addresses apart.
    """

    error: BaseException = attrs.field(eq=_same)
    attempts: int
    address: str
