"""Where in a run a call is: the addresses that events, records and `BodyInfo` carry as strings.

An address is the same in every process that runs the same workflow. It says which node of the
workflow makes the call, and with a slash in between, which node of the workflow nested there:

======================== =========================================================
``"2"``                  the call of node 2 (counted from 0)
``"2:a"``                arm ``a`` of the parallel or branch at node 2
``"2#3"``                iteration 3 (counted from 1) of the loop at node 2
``"2[7]"``               item 7 (counted from 0) of the foreach at node 2
``"2/0"``                node 0 of the workflow that is nested at node 2
``"2~2/0"``              the same in attempt 2 (counted from 1) of the nested workflow
``"2[7]~2/0:a"``         arm ``a`` in attempt 2 of the workflow that item 7 is
======================== =========================================================

So a part between slashes is ``position``, then ``:arm`` or ``#iteration`` or neither, then
``[item]`` if it is about one, then ``~attempt`` if it is not the first. Numbers have no leading
zeros, and ids of steps no `RESERVED` characters, so there is one way to write each address.
Nothing of trioflow but `errors` is imported here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import attrs

from trioflow.errors import InvalidAddressError

RESERVED = "/#[]~:"
"""Characters that addresses are made of, so ids of steps must not have them."""

_DIGITS = 18
"""How many digits numbers have at most."""
_FROM_0, _FROM_1, _FROM_2 = (
    rf"0|[1-9][0-9]{{0,{_DIGITS - 1}}}",
    rf"[1-9][0-9]{{0,{_DIGITS - 1}}}",
    rf"[1-9][0-9]{{1,{_DIGITS - 1}}}|[2-9]",
)
_PART = re.compile(
    rf"({_FROM_0})(?::([^{re.escape(RESERVED)}]+)|#({_FROM_1}))?"
    rf"(?:\[({_FROM_0})\])?(?:~({_FROM_2}))?"
)
_INSIDE = "/[~"
"""What the rest of an address begins with that is inside of a shorter one."""


@functools.total_ordering
@attrs.frozen(eq=False, repr=False)
class Address:
    """Where in a run a call is, or an item of a foreach, or an attempt.

    Addresses are equal if they are written alike. They sort in the order of the workflow: what
    contains calls before these calls, arms by their ids.

    Raises:
      ValueError: if a number is out of its range, an arm no id, or there are both an arm and
        an iteration.
    """

    position: int
    """Which node of its workflow, counted from 0."""
    arm: str | None = None
    """Of a parallel or branch: the id of the arm."""
    iteration: int | None = None
    """Of a loop: which iteration, counted from 1."""
    item: int | None = None
    """Of a foreach: which item, counted from 0; None for the call of the whole loop."""
    attempt: int = 1
    """Which attempt at a nested workflow, counted from 1. The address of a call does not say it,
    those of the calls inside of it do: in their `scope`."""
    scope: Address | None = None
    """The nested workflow that the node is one of: the address of its call, with item and
    attempt. None in the run's own workflow."""
    _text: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "_text", self._write())

    @staticmethod
    def parse(text: str) -> Address:
        """Return the address that is written as *text*.

        Parsing the same text again is cheap.

        Raises:
          InvalidAddressError: if it is none; says from which character on.
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

    # ------------------------------------------------------------ others from this one
    def child(self, position: int, arm: str | None = None) -> Address:
        """Return the address of a call that the workflow here makes: that of one of its nodes."""
        return Address(position, arm, scope=self)

    def with_iteration(self, number: int) -> Address:
        """Return the same call in an iteration (counted from 1) of its loop."""
        return Address(self.position, self.arm, number, scope=self.scope)

    def with_item(self, index: int) -> Address:
        """Return the address of an item (counted from 0) of the foreach here."""
        return Address(self.position, self.arm, self.iteration, index, scope=self.scope)

    def with_attempt(self, number: int) -> Address:
        """Return the address of an attempt (counted from 1) at the workflow here.

        The first one is written like the call itself.
        """
        if number == 1:
            return self if self.attempt == 1 else self._without(f"~{self.attempt}")
        return attrs.evolve(self, attempt=number)

    @property
    def call(self) -> Address:
        """The call that this is, or is an item or attempt of."""
        first = self.with_attempt(1)
        return first if self.item is None else first._without(f"[{self.item}]")

    @property
    def parent(self) -> Address | None:
        """The call or item that this is directly inside of; None in the run's own workflow.

        That of an item is the call of its whole foreach. It is without attempt, for one call
        makes all attempts: the attempt is that of `scope`.
        """
        if self.attempt != 1:
            return self.with_attempt(1)
        if self.item is not None:
            return self.call
        return None if self.scope is None else self.scope.with_attempt(1)

    def walk(self) -> Iterator[Address]:
        """Yield the calls and items that contain this one, the outermost first, and itself."""
        found: list[Address] = []
        address: Address | None = self
        while address is not None:
            found.append(address)
            address = address.parent
        return reversed(found)

    # ------------------------------------------------------------ how two are related
    def is_inside(self, other: Address) -> bool:
        """Tell whether this is inside of *other*, however deep; nothing is inside of itself."""
        rest = self._text[len(other._text) :]
        return rest[:1] in _INSIDE and rest != "" and self._text.startswith(other._text)

    def may_precede(self, other: Address) -> bool:
        """Tell whether this may be over when *other* begins.

        It is if it comes before it in the workflow; it may be if it runs beside it, as arms do
        and items. What contains the other or is inside of it neither precedes nor follows.
        """
        if self == other or self.is_inside(other) or other.is_inside(self):
            return False
        pairs = zip(self._parts(), other._parts(), strict=False)
        mine, theirs = next((a, b) for a, b in pairs if a != b)  # else one contained the other
        if (mine.position, mine.iteration) != (theirs.position, theirs.iteration):
            return _rank(mine) < _rank(theirs)
        is_beside = mine.arm != theirs.arm or mine.item != theirs.item
        return is_beside or mine.attempt < theirs.attempt

    # ------------------------------------------------------------ inside
    def _parts(self) -> list[Address]:
        """Return one address for each part between slashes."""
        parts = [self]
        while parts[-1].scope is not None:
            parts.append(parts[-1].scope)
        parts.reverse()
        return parts

    def _without(self, end: str) -> Address:
        # Rather than made anew, because it has often been parsed before.
        return _parse(self._text.removesuffix(end))

    def _write(self) -> str:
        text = f"{self.position}" if self.scope is None else f"{self.scope._text}/{self.position}"
        if self.arm is not None:
            text += f":{self.arm}"
        if self.iteration is not None:
            text += f"#{self.iteration}"
        if self.item is not None:
            text += f"[{self.item}]"
        return text if self.attempt == 1 else f"{text}~{self.attempt}"

    def _check(self) -> None:
        for name, least in (("position", 0), ("iteration", 1), ("item", 0), ("attempt", 1)):
            number = getattr(self, name)
            if number is not None and not least <= number < 10**_DIGITS:
                raise ValueError(f"{name} of an address must be >= {least} and < 10**{_DIGITS}")
        if self.arm is not None:
            if not self.arm or not set(RESERVED).isdisjoint(self.arm):
                raise ValueError(f"{self.arm!r} cannot be the id of an arm")
            if self.iteration is not None:
                raise ValueError(f"arm {self.arm!r} is in no loop, it has no iteration")


def _rank(part: Address) -> tuple[int, int, str, int, int]:
    item = -1 if part.item is None else part.item
    return part.position, part.iteration or 0, part.arm or "", item, part.attempt


# ---------------------------------------------------------------- parsing
@functools.lru_cache(maxsize=4096)
def _parse(text: str) -> Address:
    cut = text.rfind("/") + 1
    scope = _parse_scope(text[: cut - 1]) if cut else None
    match = _PART.fullmatch(text, cut)
    if match is None or (cut and scope is None):
        raise _refusal(text)
    return _read(match, scope)


@functools.lru_cache(maxsize=1024)
def _parse_scope(text: str) -> Address | None:
    """Return what is before the last slash of an address, None if it is none: many share it."""
    scope, at = None, 0
    while (match := _PART.match(text, at)) is not None:
        scope, at = _read(match, scope), match.end() + 1
        if at > len(text):
            return scope
        if text[at - 1] != "/":
            break
    return None


def _read(match: re.Match[str], scope: Address | None) -> Address:
    # Without the checks of the class, which the pattern has made: a third of the time.
    position, arm, iteration, item, attempt = match.groups()
    address = _new(Address)
    _set(address, "position", int(position))
    _set(address, "arm", arm)
    _set(address, "iteration", None if iteration is None else int(iteration))
    _set(address, "item", None if item is None else int(item))
    _set(address, "attempt", 1 if attempt is None else int(attempt))
    _set(address, "scope", scope)
    _set(address, "_text", match.string[: match.end()])
    return address


_new, _set = object.__new__, object.__setattr__


def _refusal(text: str) -> InvalidAddressError:
    at, match = 0, _PART.match(text)
    while match is not None and text.startswith("/", match.end()):
        at = match.end() + 1
        match = _PART.match(text, at)
    if match is None:
        return InvalidAddressError(text, at, "the position of a node must stand there, such as 0")
    at = match.end()
    problem = _PROBLEMS.get(text[at], "what is inside of a call is behind a '/'")
    return InvalidAddressError(text, at, problem)


_PROBLEMS = {
    ":": "an arm is written ':id', directly behind the position",
    "#": "an iteration is written '#1' or higher, directly behind the position",
    "[": "an item is written '[0]' or higher, before an attempt",
    "~": "an attempt is written '~2' or higher, behind all else",
    **dict.fromkeys("0123456789", f"numbers have no leading zeros and up to {_DIGITS} digits"),
}
"""What is wrong, by the first character that cannot stand where it does."""
