"""Addresses of calls in a run. Events, records and `BodyInfo` carry them as strings.

An address is the same in every process that runs the same workflow. It identifies the node of the
workflow that makes the call and, after a slash, the node of a workflow nested there:

======================== =========================================================
``"2"``                  the call of node 2 (counted from 0)
``"2:a"``                arm ``a`` of the parallel or branch at node 2
``"2#3"``                iteration 3 (counted from 1) of the loop at node 2
``"2[7]"``               item 7 (counted from 0) of the foreach at node 2
``"2/0"``                node 0 of the workflow that is nested at node 2
``"2~2/0"``              the same in attempt 2 (counted from 1) of the nested workflow
``"2[7]~2/0:a"``         arm ``a`` in attempt 2 of the workflow at item 7
======================== =========================================================

A part between slashes is ``position``, then ``:arm`` or ``#iteration`` or neither, then
``[item]`` for an item, then ``~attempt`` except for the first attempt. Numbers have no leading
zeros, and ids of steps have no `RESERVED` characters, so each address is written in exactly one
way. This module imports only `trioflow.errors` from trioflow.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import attrs

from trioflow.errors import InvalidAddressError

RESERVED = "/#[]~:"
"""Characters with a meaning in addresses; ids of steps must not contain them."""

_DIGITS = 18
"""Maximum number of digits of a number."""
_FROM_0 = rf"0|[1-9][0-9]{{0,{_DIGITS - 1}}}"
_FROM_1 = rf"[1-9][0-9]{{0,{_DIGITS - 1}}}"
_FROM_2 = rf"[1-9][0-9]{{1,{_DIGITS - 1}}}|[2-9]"
_ID = rf"[^{re.escape(RESERVED)}]+"
_OUTER = rf"(?:{_FROM_0})(?::{_ID}|#(?:{_FROM_1}))?(?:\[(?:{_FROM_0})\])?(?:~(?:{_FROM_2}))?/"
_LAST = rf"({_FROM_0})(?::({_ID})|#({_FROM_1}))?(?:\[({_FROM_0})\])?(?:~({_FROM_2}))?"
_PART = re.compile(_LAST)
_ADDRESS = re.compile(rf"((?:{_OUTER})*+){_LAST}")
_INSIDE = "/[~"
"""How the rest of an address begins if it is inside a shorter one."""


def _text_of(scope: Address | str | None) -> str:
    return "" if scope is None else str(scope)


@functools.total_ordering
@attrs.frozen(eq=False, repr=False)
class Address:
    """The address of a call in a run, of an item of a foreach, or of an attempt.

    Addresses are equal if their strings are equal. They sort in the order of the workflow: a
    container before the calls that it contains, arms by their ids.

    Raises:
      ValueError: if a number is out of range, an arm is not an id, there are both an arm and an
        iteration, or the scope is not an address.
    """

    position: int
    """Index of the node in its workflow, counted from 0."""
    arm: str | None = None
    """In a parallel or branch: the id of the arm."""
    iteration: int | None = None
    """In a loop: the iteration, counted from 1."""
    item: int | None = None
    """In a foreach: the item, counted from 0; None for the call of the whole loop."""
    attempt: int = 1
    """Attempt at a nested workflow, counted from 1. The address of a call does not contain it, but
    the addresses of the calls inside do, in their `scope`."""
    # A string, because it is rarely needed: at first, only the last part is parsed.
    _scope: str = attrs.field(default="", converter=_text_of)
    _text: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "_text", self._write())

    @staticmethod
    def parse(text: str) -> Address:
        """Return the address for the string *text*.

        Parsing the same string again is cheap.

        Raises:
          InvalidAddressError: if it is not an address; names the first wrong character.
        """
        return _parse(text)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Address.parse({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Address) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __lt__(self, other: Address) -> bool:
        if not isinstance(other, Address):
            return NotImplemented
        return [*map(_rank, self._parts())] < [*map(_rank, other._parts())]

    @property
    def scope(self) -> Address | None:
        """Address of the nested workflow that contains the node, with item and attempt.

        None for a node of the run's own workflow.
        """
        return _parse(self._scope) if self._scope else None

    # ------------------------------------------------------------ derived addresses
    def child(self, position: int, arm: str | None = None) -> Address:
        """Return the address of a call by a node of the nested workflow at this address."""
        return Address(position, arm, scope=self)

    def with_iteration(self, number: int) -> Address:
        """Return the address of the same call in an iteration (counted from 1) of its loop."""
        return Address(self.position, self.arm, number, scope=self.scope)

    # By strings and not by parts, because these strings have often been parsed before.
    def with_item(self, index: int) -> Address:
        """Return the address of an item (counted from 0) of the foreach at this address."""
        return _parse(f"{self.call}[{index}]")

    def with_attempt(self, number: int) -> Address:
        """Return the address of an attempt (counted from 1) at the workflow at this address.

        The address of the first attempt is that of the call itself.
        """
        if number == self.attempt:
            return self
        text = self._text if self.attempt == 1 else self._text.removesuffix(f"~{self.attempt}")
        return _parse(text if number == 1 else f"{text}~{number}")

    @property
    def call(self) -> Address:
        """Address of the call, without item and attempt."""
        first = self.with_attempt(1)
        return first if self.item is None else _parse(first._text.removesuffix(f"[{self.item}]"))

    @property
    def parent(self) -> Address | None:
        """The call or item that directly contains this one; None in the run's own workflow.

        The parent of an item is the call of its whole foreach. A parent has no attempt, because
        one call makes all attempts; `scope` has it.
        """
        if self.attempt != 1:
            return self.with_attempt(1)
        if self.item is not None:
            return self.call
        scope = self.scope
        return None if scope is None else scope.with_attempt(1)

    def walk(self) -> Iterator[Address]:
        """Yield the calls and items that contain this one, outermost first, then this one."""
        found: list[Address] = []
        address: Address | None = self
        while address is not None:
            found.append(address)
            address = address.parent
        return reversed(found)

    # ------------------------------------------------------------ relations
    def is_inside(self, other: Address) -> bool:
        """Return whether this is inside *other*, at any depth. No address is inside itself."""
        rest = self._text[len(other._text) :]
        return rest[:1] in _INSIDE and rest != "" and self._text.startswith(other._text)

    def may_precede(self, other: Address) -> bool:
        """Return whether this may have ended when *other* starts.

        True if this comes before *other* in the workflow, or if both may run concurrently, such as
        arms and items. False if one contains the other.
        """
        if self == other or self.is_inside(other) or other.is_inside(self):
            return False
        pairs = zip(self._parts(), other._parts(), strict=False)
        mine, theirs = next((a, b) for a, b in pairs if a != b)  # else one contained the other
        if (mine.position, mine.iteration) != (theirs.position, theirs.iteration):
            return _rank(mine) < _rank(theirs)
        is_beside = mine.arm != theirs.arm or mine.item != theirs.item
        return is_beside or mine.attempt < theirs.attempt

    # ------------------------------------------------------------ parts
    def _parts(self) -> list[Address]:
        """Return one address for each part between slashes."""
        parts = [self]
        while (scope := parts[-1].scope) is not None:
            parts.append(scope)
        parts.reverse()
        return parts

    def _write(self) -> str:
        text = f"{self._scope}/{self.position}" if self._scope else f"{self.position}"
        if self.arm is not None:
            text += f":{self.arm}"
        if self.iteration is not None:
            text += f"#{self.iteration}"
        if self.item is not None:
            text += f"[{self.item}]"
        return text if self.attempt == 1 else f"{text}~{self.attempt}"

    def _check(self) -> None:
        if self._scope:
            _parse(self._scope)
        for name, least in (("position", 0), ("iteration", 1), ("item", 0), ("attempt", 1)):
            number = getattr(self, name)
            if number is not None and not least <= number < 10**_DIGITS:
                raise ValueError(f"{name} of an address must be >= {least} and < 10**{_DIGITS}")
        if self.arm is not None:
            if not self.arm or not set(RESERVED).isdisjoint(self.arm):
                raise ValueError(f"{self.arm!r} cannot be the id of an arm")
            if self.iteration is not None:
                raise ValueError(f"arm {self.arm!r} is not in a loop, so it has no iteration")


def _rank(part: Address) -> tuple[int, int, str, int, int]:
    item = -1 if part.item is None else part.item
    return part.position, part.iteration or 0, part.arm or "", item, part.attempt


# ---------------------------------------------------------------- parsing
@functools.lru_cache(maxsize=4096)
def _parse(text: str) -> Address:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise _refusal(text)
    outer, position, arm, iteration, item, attempt = match.groups()
    # Skips the checks of the class, which the pattern has made: takes a third of the time.
    address = _new(Address)
    _set(address, "position", int(position))
    _set(address, "arm", arm)
    _set(address, "iteration", None if iteration is None else int(iteration))
    _set(address, "item", None if item is None else int(item))
    _set(address, "attempt", 1 if attempt is None else int(attempt))
    _set(address, "_scope", outer[:-1])
    _set(address, "_text", text)
    return address


_new, _set = object.__new__, object.__setattr__


def _refusal(text: str) -> InvalidAddressError:
    at = 0
    while (match := _PART.match(text, at)) is not None:
        at = match.end()
        if not text.startswith("/", at):
            problem = _PROBLEMS.get(text[at], "what is inside a call follows a '/'")
            return InvalidAddressError(text, at, problem)
        at += 1
    return InvalidAddressError(text, at, "expected the position of a node, such as 0")


_PROBLEMS = {
    ":": "an arm is written ':id', directly after the position",
    "#": "an iteration is written '#1' or higher, directly after the position",
    "[": "an item is written '[0]' or higher, before an attempt",
    "~": "an attempt is written '~2' or higher, at the end",
    **dict.fromkeys("0123456789", f"numbers have no leading zeros and up to {_DIGITS} digits"),
}
"""What is wrong, by the first misplaced character."""
