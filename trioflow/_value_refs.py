"""References to large values, which are kept outside of journals."""

# Without postponed annotations: they would be looked up in the module that it names as its home.
from typing import Generic, Literal, TypeAlias, TypeVar

import attrs

from trioflow._help import PlainHelp

T = TypeVar("T", covariant=True)

ContentKind: TypeAlias = Literal["bytes", "str", "json"]
"""How a value is written: as its own bytes, as UTF-8, or as JSON with tags for its classes."""


@attrs.frozen
class ValueRef(Generic[T], metaclass=PlainHelp):
    """A reference to a value in a value store. Made by ``ctx.put(value)``.

    A few hundred bytes that can be an output, an input, an answer or a part of the state, and can
    be sent to other processes. ``await ctx.get(ref)`` returns the value.

    Args:
      key: Where the value is: the run that has put it there, and a random name.
      size: The number of stored bytes.
      digest: The SHA-256 digest of the stored bytes, in hexadecimal.
      kind: How the value is written.
      is_sealed: Whether the engine's codec has encoded it.
    """

    __module__ = "trioflow"

    key: str
    size: int
    digest: str
    kind: ContentKind
    is_sealed: bool = False
