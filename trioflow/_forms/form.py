"""The base class and shared helpers of all forms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal, TypeAlias

import attrs

from trioflow._values.structure import join, type_name
from trioflow.errors import Fault, FaultsError, NotSerializableError

Plain: TypeAlias = Any
"""Dicts with string keys, lists, strings, numbers, booleans and None."""
Kind: TypeAlias = Literal["null", "bool", "int", "float", "str", "list", "object"]

MAX_DEPTH = 128
"""Maximum nesting of lists and objects in a value, so that it can be read back if half of Python's
stack is free."""

KINDS: dict[type, Kind] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    list: "list",
    dict: "object",
}


class Form(ABC):
    """How values of one type are recorded."""

    name: str
    """Name of the type in messages and in tags."""
    kinds: frozenset[Kind]
    """Kinds of JSON that *dump* may return, apart from tags."""

    @abstractmethod
    def accepts(self, value: Any) -> bool:
        """Return whether *value* is of the type, judging by its class and not by its contents."""

    @abstractmethod
    def dump(self, value: Any, depth: int) -> Plain:
        """Return *value* as plain JSON types.

        Args:
          depth: Maximum nesting of lists and objects.

        Raises:
          FaultsError: if it is not of the type, at any depth.
          NotSerializableError: if it is of the type but cannot be written or read back.
        """

    @abstractmethod
    def load(self, plain: Plain) -> Any:
        """Return the value that *dump* wrote as *plain*, using the current classes.

        Raises:
          FaultsError: if *plain* does not fit the type.
        """

    def is_exact(self, value: Any) -> bool:
        """Return whether *value* is of exactly the type's class, not of a subclass."""
        return False


# ---------------------------------------------------------------- tags
def tagged(tag: str, plain: Plain) -> Plain:
    """Return *plain* with a tag around it."""
    return {f"${tag}": plain}


def tag_of(plain: Plain) -> str | None:
    """Return the tag of a written value; None if it has none."""
    if type(plain) is dict and len(plain) == 1:
        (key,) = plain
        if key[:1] == "$":
            return str(key[1:])
    return None


def content_of(plain: Plain) -> Plain:
    """Return the content of a tagged value."""
    (content,) = plain.values()
    return content


# ---------------------------------------------------------------- errors
def located(exc: FaultsError | NotSerializableError, part: str) -> Exception:
    """Return the error of a part as an error of the whole value, for the caller to raise."""
    if isinstance(exc, NotSerializableError):
        return NotSerializableError(join(part, exc.path), exc.problem, exc.remedy)
    return FaultsError(
        tuple(attrs.evolve(fault, path=join(part, fault.path)) for fault in exc.faults)
    )


def fault(problem: str, expected: Any = "", received: Any = "") -> FaultsError:
    """Return the error for a value with one fault."""
    expected = expected if isinstance(expected, str) else type_name(expected)
    return FaultsError((Fault("", problem, expected, received),))


def wrong_kind(name: str, plain: Plain) -> FaultsError:
    """Return the error for recorded data that cannot be of a type."""
    received = type_name(type(plain))
    return fault(f"expected {name}, received {received}", name, received)


def wrong_class(name: str, value: Any) -> FaultsError:
    """Return the error for a value that is not of a type."""
    return wrong_kind(name, value)


def too_deep() -> NotSerializableError:
    """Return the error for a value that is nested too deeply."""
    problem = f"is nested more than {MAX_DEPTH} levels deep, or contains itself"
    return NotSerializableError("", problem, "use a flat form of it, such as a list with ids")
