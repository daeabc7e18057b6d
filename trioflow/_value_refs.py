"""References to large values, which are kept outside of journals."""

# Without postponed annotations: they would be looked up in the module that it names as its home.
import re
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import attrs

from trioflow._help import PlainHelp

T = TypeVar("T", covariant=True)

ContentKind: TypeAlias = Literal["bytes", "str", "json"]
"""How a value is written: as its own bytes, as UTF-8, or as JSON with tags for its classes."""


OWNER = r"(?:(?:[a-z0-9_-]|=[0-9A-F]{2})+|=h[0-9a-f]{40}|=free)"
"""What the name of an owner looks like: `trioflow.values` makes it of the id of a run."""
NAME = r"[0-9a-f]{32}"


def _check_key(ref: Any, field: Any, key: str) -> None:
    if re.fullmatch(f"{OWNER}/{NAME}", key) is None:
        raise ValueError(f"{key!r} is no key of a value; use a reference that ctx.put() has made")


def _check_size(ref: Any, field: Any, size: int) -> None:
    if size < 0:
        raise ValueError(f"the size of a value must not be negative, as {size} is")


def _check_digest(ref: Any, field: Any, digest: str) -> None:
    if re.fullmatch("[0-9a-f]{64}", digest) is None:
        raise ValueError(f"{digest!r} is no SHA-256 digest in hexadecimal")


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

    Raises:
      ValueError: if the key, the size or the digest cannot be those of a value. References also
        come from outside, and a key is part of a path.
    """

    __module__ = "trioflow"

    key: str = attrs.field(validator=_check_key)
    size: int = attrs.field(validator=_check_size)
    digest: str = attrs.field(validator=_check_digest)
    kind: ContentKind
    is_sealed: bool = False
