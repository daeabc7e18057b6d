"""What the forms of all types have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal, TypeAlias

import attrs

from trioflow._values.structure import join, type_name
from trioflow.errors import Fault, FaultsError, NotSerializableError

Plain: TypeAlias = Any
"""Made of dicts with string keys, lists, strings, numbers, booleans and None."""
Kind: TypeAlias = Literal["null", "bool", "int", "float", "str", "list", "object"]

MAX_DEPTH = 128
"""How many levels of lists and objects a value may have, so that it can be read back wherever
half of Python's stack is free."""

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
    """What the type is called in messages and in tags."""
    kinds: frozenset[Kind]
    """What *dump* may give, tags aside."""

    @abstractmethod
    def accepts(self, value: Any) -> bool:
        """Tell whether *value* is of the type, as far as its own class shows. What is inside of
        it is not looked at."""

    @abstractmethod
    def dump(self, value: Any, depth: int) -> Plain:
        """Return *value* as plain JSON types.

        Args:
          depth: How many levels of lists and objects it may have.

        Raises:
          FaultsError: if it is not of the type, at whatever depth.
          NotSerializableError: if it is, and cannot be written, or not be read back.
        """

    @abstractmethod
    def load(self, plain: Plain) -> Any:
        """Return the value that *dump* has made *plain* of, by today's classes.

        Raises:
          FaultsError: if there is none.
        """

    def is_exact(self, value: Any) -> bool:
        """Tell whether *value* is of the very class of the type, not of a subclass."""
        return False


# ---------------------------------------------------------------- tags
def tagged(tag: str, plain: Plain) -> Plain:
    """Return *plain* with a tag around it."""
    return {f"${tag}": plain}


def tag_of(plain: Plain) -> str | None:
    """Return the tag of what was written, None if it has none."""
    if type(plain) is dict and len(plain) == 1:
        (key,) = plain
        if key[:1] == "$":
            return str(key[1:])
    return None


def content_of(plain: Plain) -> Plain:
    """Return what a tag is around."""
    (content,) = plain.values()
    return content


# ---------------------------------------------------------------- errors
def located(exc: FaultsError | NotSerializableError, part: str) -> Exception:
    """Return an error of a part of a value as an error of the value. Raise it."""
    if isinstance(exc, NotSerializableError):
        return NotSerializableError(join(part, exc.path), exc.problem, exc.remedy)
    return FaultsError(
        tuple(attrs.evolve(fault, path=join(part, fault.path)) for fault in exc.faults)
    )


def fault(problem: str, expected: Any = "", received: Any = "") -> FaultsError:
    """Return the error that a value has one fault."""
    expected = expected if isinstance(expected, str) else type_name(expected)
    return FaultsError((Fault("", problem, expected, received),))


def wrong_kind(name: str, plain: Plain) -> FaultsError:
    """Return the error that what was recorded cannot be of a type."""
    received = type_name(type(plain))
    return fault(f"expected {name}, received {received}", name, received)


def wrong_class(name: str, value: Any) -> FaultsError:
    """Return the error that a value is not of a type."""
    return wrong_kind(name, value)


def too_deep() -> NotSerializableError:
    """Return the error that a value has too many levels."""
    problem = f"is nested more than {MAX_DEPTH} levels deep, or contains itself"
    return NotSerializableError("", problem, "use a flat form of it, such as a list with ids")
