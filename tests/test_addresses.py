"""Addresses as values: written one way, read back exactly, related as the calls are."""

from __future__ import annotations

import copy
import pickle
from typing import Any, cast

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.addressing import ADDRESSES, IDS, LISTS, NUMBERS, SMALL, Part, is_id, of
from trioflow.addresses import RESERVED, Address
from trioflow.errors import InvalidAddressError, TrioflowError

parse = Address.parse


# ---------------------------------------------------------------- reading and writing
@given(LISTS)
def test_an_address_is_written_as_the_table_says_and_read_back(parts: list[Part]) -> None:
    address, text = of(parts), "/".join(map(str, parts))

    assert str(address) == text
    assert parse(text) == address
    assert parse(text).scope == (of(parts[:-1]) if parts[1:] else None)
    for name in ("position", "arm", "iteration", "item", "attempt"):
        assert getattr(parse(text), name) == getattr(parts[-1], name)


@given(st.text("0123:ab#[]~/ .-٢\n", max_size=12) | st.text(max_size=6))
@example("2\n")
@example("2#٢")
def test_a_text_is_the_way_an_address_is_written_or_refused(text: str) -> None:
    try:
        address = parse(text)
    except InvalidAddressError as error:
        assert error.text == text
        assert 0 <= error.at <= len(text)
    else:
        assert str(address) == text


NODE = "expected the position of a node, such as 0"
ITERATION = "an iteration is written '#1' or higher, directly after the position"
ATTEMPT = "an attempt is written '~2' or higher, at the end"
ITEM = "an item is written '[0]' or higher, before an attempt"
NUMBER = "numbers have no leading zeros and up to 18 digits"
REFUSED = [
    ("", 0, "at the end", NODE),
    ("2/", 2, "at the end", NODE),
    ("x", 0, "at character 0, 'x'", NODE),
    ("2//0", 2, "at character 2, '/0'", NODE),
    ("2/02", 3, "at character 3, '2'", NUMBER),
    ("1/9" + "9" * 18, 20, "at character 20, '9'", NUMBER),
    ("1/2[0" + "9" * 5000, 3, "at character 3, '[099999999'", ITEM),
    ("2:", 1, "at character 1, ':'", "an arm is written ':id', directly after the position"),
    ("2:a#1", 3, "at character 3, '#1'", ITERATION),
    ("2#0", 1, "at character 1, '#0'", ITERATION),
    ("2[7", 1, "at character 1, '[7'", ITEM),
    ("1/2~1/0", 3, "at character 3, '~1/0'", ATTEMPT),
    ("2[7]x", 4, "at character 4, 'x'", "what is inside a call follows a '/'"),
]


@pytest.mark.parametrize(("text", "at", "found", "problem"), REFUSED)
def test_what_is_no_address_is_refused_with_the_place(
    text: str, at: int, found: str, problem: str
) -> None:
    with pytest.raises(InvalidAddressError) as caught:
        parse(text)

    assert caught.value.at == at
    shown = text if len(text) <= 100 else f"{text[:100]}..."
    assert str(caught.value) == f"{shown!r} is not an address: {found}: {problem}"
    assert isinstance(caught.value, TrioflowError)
    assert isinstance(caught.value, ValueError)


def test_an_address_may_be_very_deep() -> None:
    text = "/".join(["0"] * 1000)

    assert sum(1 for _ in parse(text).walk()) == 1000
    assert str(parse(f"{text}/" * 1000 + "0")) == f"{text}/" * 1000 + "0"


def test_the_same_text_is_parsed_once() -> None:
    assert parse("3:a/0[1]") is parse("3:a/0[1]")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"position": -1}, "position of an address must be >= 0 and < 10**18"),
        ({"position": 0, "iteration": 0}, "iteration of an address must be >= 1 and < 10**18"),
        ({"position": 0, "item": -1}, "item of an address must be >= 0 and < 10**18"),
        ({"position": 0, "attempt": 0}, "attempt of an address must be >= 1 and < 10**18"),
        ({"position": 10**18}, "position of an address must be >= 0 and < 10**18"),
        ({"position": 0, "arm": ""}, "'' cannot be the id of an arm"),
        ({"position": 0, "arm": "a/b"}, "'a/b' cannot be the id of an arm"),
        (
            {"position": 0, "scope": "1/"},
            f"'1/' is not an address: at the end: {NODE}",
        ),
        (
            {"position": 0, "arm": "a", "iteration": 1},
            "arm 'a' is not in a loop, so it has no iteration",
        ),
    ],
)
def test_an_address_that_cannot_be_written_cannot_be_made(
    fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Address(**fields)

    assert str(caught.value) == problem


@given(st.text(min_size=1, max_size=3) | st.sampled_from(RESERVED))
def test_ids_of_steps_can_be_ids_of_arms(id: str) -> None:
    if is_id(id):
        assert parse(f"0:{id}").arm == id


# ---------------------------------------------------------------- values
@given(ADDRESSES, ADDRESSES)
def test_addresses_are_equal_if_they_are_written_alike(one: Address, other: Address) -> None:
    assert (one == other) == (str(one) == str(other))
    assert hash(one) == hash(parse(str(one)))
    assert eval(repr(one)) == one


@given(ADDRESSES)
def test_an_address_can_be_sent_and_copied(address: Address) -> None:
    assert pickle.loads(pickle.dumps(address)) == address
    assert copy.deepcopy(address) == address


def test_an_address_does_not_change() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        parse("0").position = 1  # type: ignore[misc]

    with pytest.raises(AttributeError):
        parse("0").other = 1  # type: ignore[attr-defined]


# ---------------------------------------------------------------- others from one
def test_addresses_are_built_as_they_are_written() -> None:
    assert str(Address(2, scope=Address(1))) == "1/2"
    assert str(Address(2, scope="1:a")) == "1:a/2"
    assert str(Address(2)) == "2"
    assert str(Address(2, "a")) == "2:a"
    assert str(Address(2).with_iteration(3)) == "2#3"
    assert str(Address(2).with_item(7)) == "2[7]"
    assert str(Address(2).child(0)) == "2/0"
    assert str(Address(2).with_attempt(2).child(0)) == "2~2/0"
    assert str(Address(2).with_attempt(1).child(0)) == "2/0"
    assert str(Address(2).with_item(7).with_attempt(2).child(0, "a")) == "2[7]~2/0:a"


@pytest.mark.parametrize(
    ("method", "number", "text"),
    [
        (Address.with_iteration, 4, "1/2#4"),
        (Address.with_item, 8, "1/2#3[8]"),
        (Address.with_attempt, 5, "1/2#3[7]~5"),
        (Address.with_attempt, 1, "1/2#3[7]"),
    ],
)
def test_another_number_replaces_it_and_what_is_inside(method: Any, number: int, text: str) -> None:
    assert str(method(parse("1/2#3[7]~2"), number)) == text


@pytest.mark.parametrize(
    ("method", "number"),
    [
        (Address.child, -1),
        (Address.with_iteration, 0),
        (Address.with_item, -1),
        (Address.with_attempt, 0),
        (Address.with_attempt, -1),
    ],
)
def test_a_number_out_of_range_is_refused(method: Any, number: int) -> None:
    with pytest.raises(ValueError, match=r"an address"):
        method(parse("1/2"), number)


@given(ADDRESSES, NUMBERS, st.none() | IDS)
def test_a_child_is_directly_inside(address: Address, position: int, arm: str | None) -> None:
    child = address.child(position, arm)

    assert (child.position, child.arm, child.scope) == (position, arm, address)
    assert child.parent == address.with_attempt(1)
    assert child.is_inside(address)
    assert child.is_inside(address.call)


@pytest.mark.parametrize(
    ("text", "parent"),
    [
        ("2", None),
        ("2:a", None),
        ("2#3", None),
        ("2~2", "2"),
        ("2[7]", "2"),
        ("2[7]~2", "2[7]"),
        ("2/0", "2"),
        ("2~2/0", "2"),
        ("2[7]/0", "2[7]"),
        ("2[7]~2/0", "2[7]"),
        ("2:a/0[7]", "2:a/0"),
        ("2:a/0#3/1", "2:a/0#3"),
    ],
)
def test_a_call_is_directly_inside_its_parent(text: str, parent: str | None) -> None:
    assert parse(text).parent == (None if parent is None else parse(parent))


def test_walking_meets_all_calls_and_items_on_the_way() -> None:
    assert [*map(str, parse("2:a~2/0[7]~3/1#4").walk())] == [
        "2:a",
        "2:a~2/0",
        "2:a~2/0[7]",
        "2:a~2/0[7]~3/1#4",
    ]


@given(ADDRESSES)
def test_walking_follows_the_parents(address: Address) -> None:
    way = [*address.walk()]

    assert way[-1] == address
    assert [place.parent for place in way] == [None, *way[:-1]]


@given(ADDRESSES)
def test_the_call_of_an_item_or_attempt_is_without_them(address: Address) -> None:
    call = address.call

    assert (call.item, call.attempt) == (None, 1)
    assert call == address or address.is_inside(call)
    assert attrs.evolve(call, item=address.item, attempt=address.attempt) == address


# ---------------------------------------------------------------- how two are related
@given(SMALL, SMALL)
@example(parse("1"), parse("12"))
@example(parse("0:a"), parse("0:ab"))
@example(parse("0#1"), parse("0#10"))
@example(parse("0"), parse("0:a"))
def test_what_is_inside_has_the_other_on_its_way(one: Address, other: Address) -> None:
    scopes = [one]
    while (scope := scopes[-1].scope) is not None:
        scopes.append(scope)
    around = {found for scope in scopes for found in scope.walk()} - {one}

    assert one.is_inside(other) == (other in around | set(scopes[1:]))


@given(SMALL, SMALL, SMALL)
def test_addresses_are_in_a_total_order(one: Address, two: Address, three: Address) -> None:
    assert (one < two) + (one == two) + (one > two) == 1
    assert (one <= two) == (not one > two)
    if one < two < three:
        assert one < three


@given(SMALL, SMALL)
def test_what_contains_calls_sorts_before_them(one: Address, other: Address) -> None:
    if one.is_inside(other):
        assert other < one


def test_addresses_sort_as_the_workflow_runs() -> None:
    order = ["0", "1[2]", "1[10]", "2", "2/0:a", "2/0:b", "2/1", "2~2", "2~2/0", "3#2", "3#10"]

    assert [*map(str, sorted(map(parse, reversed(order))))] == order


def test_an_address_has_no_order_with_a_string() -> None:
    assert parse("0") != cast(object, "0")
    with pytest.raises(TypeError):
        _ = parse("0") < "1"  # type: ignore[operator]


@pytest.mark.parametrize(
    ("one", "other", "is_before", "is_behind"),
    [
        ("0", "1", True, False),
        ("9", "10", True, False),
        ("0/5", "1/0", True, False),
        ("2#9", "2#10", True, False),
        ("2#1/5", "2#2/0", True, False),
        ("2/5", "2~2/0", True, False),
        ("2#1/5", "2#1~2/0", True, False),
        ("2:a", "2:b", True, True),
        ("2:a/3", "2:b/0", True, True),
        ("2:a~2/3", "2:b/0", True, True),
        ("2[1]", "2[0]", True, True),
        ("2[1]/3", "2[0]~2/0", True, True),
        ("2", "2", False, False),
        ("2", "2/0", False, False),
        ("2", "2[7]", False, False),
        ("2", "2~2/0", False, False),
        ("2[7]", "2[7]/0", False, False),
    ],
)
def test_a_call_may_precede_what_comes_behind_or_runs_beside_it(
    one: str, other: str, is_before: bool, is_behind: bool
) -> None:
    assert parse(one).may_precede(parse(other)) == is_before
    assert parse(other).may_precede(parse(one)) == is_behind


@given(SMALL, SMALL)
def test_one_of_two_calls_may_precede_the_other_unless_it_contains_it(
    one: Address, other: Address
) -> None:
    related = one == other or one.is_inside(other) or other.is_inside(one)

    assert (one.may_precede(other) or other.may_precede(one)) != related
    if one.may_precede(other) and not other.may_precede(one):
        assert one < other
