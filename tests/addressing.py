"""Strategies for addresses."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from hypothesis import strategies as st

from trioflow._definitions import check_id
from trioflow.addresses import Address
from trioflow.errors import DefinitionError


def is_id(text: str) -> bool:
    try:
        return check_id(text, "here") == text
    except DefinitionError:
        return False


IDS = st.text(min_size=1, max_size=8).filter(is_id) | st.sampled_from(
    ["a", "b", "a.b", ".", "a b", "0", "a-1", "ü", "(", "\\", "^", "2,7", "a'b", "$", "{}", "?"]
)
NUMBERS = st.integers(0, 30) | st.integers(0, 10**18 - 2)


@attrs.frozen
class Part:
    """One part of an address, as the table in `trioflow.addresses` has them."""

    position: int
    arm: str | None
    iteration: int | None
    item: int | None
    attempt: int

    def __str__(self) -> str:
        return "".join(
            (
                str(self.position),
                "" if self.arm is None else f":{self.arm}",
                "" if self.iteration is None else f"#{self.iteration}",
                "" if self.item is None else f"[{self.item}]",
                "" if self.attempt == 1 else f"~{self.attempt}",
            )
        )


@st.composite
def parts(draw: st.DrawFn) -> Part:
    arm = draw(st.none() | IDS)
    iteration = draw(st.none() | NUMBERS.map(lambda n: n + 1)) if arm is None else None
    item = draw(st.none() | NUMBERS)
    attempt = draw(st.just(1) | NUMBERS.map(lambda n: n + 1))
    return Part(draw(NUMBERS), arm, iteration, item, attempt)


LISTS = st.lists(parts(), min_size=1, max_size=4)


def of(parts: Sequence[Part]) -> Address:
    """Build an address from the outside in."""
    scope = None
    for part in parts:
        scope = Address(**attrs.asdict(part), scope=scope)
    assert scope is not None
    return scope


ADDRESSES = LISTS.map(of)
SMALL = st.lists(
    st.builds(
        Part,
        position=st.integers(0, 1),
        arm=st.none(),
        iteration=st.none(),
        item=st.none() | st.integers(0, 1),
        attempt=st.integers(1, 2),
    )
    | st.sampled_from([Part(0, arm, None, None, n) for arm in "ab" for n in (1, 2)])
    | st.sampled_from([Part(0, None, iteration, None, 1) for iteration in (1, 2, 10)]),
    min_size=1,
    max_size=3,
).map(of)
"""Addresses of which two are often related."""
