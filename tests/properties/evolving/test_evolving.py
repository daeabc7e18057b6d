"""A type changes between two versions of a program, while a run with a value of it is left."""

from __future__ import annotations

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from tests.properties.evolving.changes import CHANGES, Change
from tests.properties.evolving.families import FAMILIES, OWN
from tests.properties.evolving.places import NESTINGS, PLACES
from tests.properties.evolving.telling import LEFT, WAYS, Case, tell
from tests.properties.scale import examples

NAMED = {change.name: change for change in CHANGES}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """What has changed, where, and when."""
    left = draw(st.sampled_from(LEFT))
    return Case(
        change=draw(st.sampled_from(CHANGES)),
        family=draw(st.sampled_from(FAMILIES)),
        place=draw(st.sampled_from(PLACES)),
        nesting=draw(st.sampled_from(NESTINGS)),
        is_nested=draw(st.booleans()),
        left=left,
        way=draw(st.sampled_from(WAYS[left])),
    )


@settings(max_examples=examples(15, 600))
@given(cases())
def test_a_changed_type_is_read_or_refused(case: Case) -> None:
    assume(case.is_possible())
    result = "refused" if case.change.expected_by(case.family) is None else "read"
    event(f"{case.place}, {case.left}, {result}")

    tell(case)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_each_change(change: Change) -> None:
    number = CHANGES.index(change)
    place, left = ("input", "output", "payload")[number % 3], LEFT[number % len(LEFT)]

    tell(case_of(change, place, left, number))


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_has_finished_cannot_be_forked_behind_what_does_not_fit(place: str) -> None:
    tell(case_of(NAMED["renamed"], place, "finished", PLACES.index(place)))


@pytest.mark.parametrize("place", PLACES)
def test_what_fits_is_seen_at_each_place(place: str) -> None:
    number = PLACES.index(place)

    tell(case_of(NAMED["added with a default"], place, LEFT[number % len(LEFT)], number))


def case_of(change: Change, place: str, left: str, number: int) -> Case:
    """Return a case whose other properties follow from a number."""
    case = Case(
        change=change,
        family=OWN[number % 3],
        place=place,
        nesting=NESTINGS[number % len(NESTINGS)],
        is_nested=number % 2 == 1,
        left=left,
        way=WAYS[left][number % len(WAYS[left])],
    )
    return case if case.is_possible() else case.simplest()
