"""Whatever is read from the wire is an event that can be written again, or a typed error."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_wire import CALL, EVENTS, START
from trioflow import events as ev
from trioflow.errors import NotSerializableError, WireFormatError
from trioflow.wire import DIALECTS, Dialect, from_wire, to_wire
from trioflow.wire._plain import MAX_DEPTH

WIRE: dict[str, Any] = {"type": "step-output", "runId": "r", "seq": 1, "at": 1.5}
PAYLOAD: dict[str, Any] = {"id": "a", "address": "0", "output": 1}

JUNK = st.recursive(
    st.sampled_from([None, True, -1, 0, 2**63, 10**30, 1e308, math.nan, math.inf, -math.inf])
    | st.sampled_from(["", "\ud800", "\0", "success", "start", object(), b"x", {1}])
    | st.just(5000).map(lambda digits: 10**digits),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["", "name", "message", "errors", "a"]) | st.integers(), inner
        )
    ),
    max_leaves=4,
)


class Raising(Mapping[str, Any]):
    """Reads what it holds when it is asked for it, and cannot."""

    def __getitem__(self, key: str) -> Any:
        raise OSError("gone")

    def __iter__(self) -> Iterator[str]:
        raise RecursionError

    def __len__(self) -> int:
        return 1


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where in a wire something stands."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def spoiled(wire: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """Return a wire with something else, or nothing, in one place."""
    wire = node = copy.deepcopy(wire)
    *way, last = data.draw(st.sampled_from(list(places(wire))))
    for key in way:
        node = node[key]
    if isinstance(node, dict) and data.draw(st.booleans()):
        del node[last]
    else:
        node[last] = data.draw(JUNK)
    return wire


def check(wire: Any) -> None:
    """Check that an event comes of it that can be written in both dialects, or a typed error."""
    try:
        event = from_wire(wire)
    except WireFormatError as exc:
        assert len(str(exc)) < 500
        return
    for dialect in DIALECTS:
        text = json.dumps(to_wire(event, dialect), allow_nan=False)
        assert from_wire(text) == event


@pytest.mark.parametrize("dialect", DIALECTS)
@given(event=EVENTS, data=st.data())
def test_a_spoiled_event_is_read_or_refused(
    dialect: Dialect, event: ev.Event, data: st.DataObject
) -> None:
    wire = spoiled(to_wire(event, dialect), data)

    check(wire)
    try:
        text = json.dumps(wire)
    except (TypeError, ValueError):
        return  # it has no JSON form, so it has been tried as an object only
    check(text)


@given(wire=JUNK | st.binary() | st.text())
def test_anything_is_read_or_refused(wire: Any) -> None:
    check(wire)


@pytest.mark.parametrize(
    "wire",
    [
        Raising(),
        {**WIRE, "payload": Raising()},
        {**WIRE, "payload": {**PAYLOAD, "output": Raising()}},
    ],
)
def test_a_mapping_that_raises_is_refused(wire: Any) -> None:
    with pytest.raises(WireFormatError):
        from_wire(wire)


# ---------------------------------------------------------------- numbers
@pytest.mark.parametrize(
    "envelope",
    [
        {"at": math.nan},
        {"at": math.inf},
        {"at": 1e308},
        {"at": -1e13},
        {"at": 10**400},
        {"at": True},
        {"seq": -1},
        {"seq": 2**63},
        {"seq": 10**5000},
        {"seq": 1.0},
    ],
)
def test_times_and_numbers_have_limits(envelope: dict[str, Any]) -> None:
    with pytest.raises(WireFormatError, match=f"'{next(iter(envelope))}'"):
        from_wire({**WIRE, "payload": PAYLOAD, **envelope})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_numbers_that_json_does_not_have_are_refused_as_values(number: str) -> None:
    text = json.dumps({**WIRE, "payload": {**PAYLOAD, "output": ["here"]}})

    with pytest.raises(WireFormatError):
        from_wire(text.replace('"here"', number))


def test_numbers_that_json_does_not_have_are_refused_elsewhere() -> None:
    wire = to_wire(ev.StepFinish(**CALL, attempts=1, seconds=0.5))

    for key, value in (("seconds", math.inf), ("seconds", math.nan), ("attempts", 10**5000)):
        with pytest.raises(WireFormatError, match=f"'{key}' is "):
            from_wire({**wire, "payload": {**wire["payload"], key: value}})


# ---------------------------------------------------------------- values and lists
def test_a_value_nested_too_deeply_is_refused_with_its_key() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    good = {**WIRE, "payload": {**PAYLOAD, "output": value}}
    bad = {**WIRE, "payload": {**PAYLOAD, "output": {"a": value}}}

    for write in (json.dumps, dict):
        assert isinstance(from_wire(write(good)), ev.StepOutput)
        with pytest.raises(WireFormatError, match=r"'output.a\[0\].* is nested more than 128"):
            from_wire(write(bad))


def test_addresses_and_arms_are_strings() -> None:
    start = to_wire(ev.StepStart(**CALL, input=1, arms=("a", "b")))
    resume = to_wire(ev.Resume(**START, targets=("0",)))

    for wire, key in ((start, "arms"), (resume, "targets")):
        for wrong in ([1], [["a"]], [None], "ab", {"a": 1}):
            with pytest.raises(WireFormatError, match=f"'{key}' is "):
                from_wire({**wire, "payload": {**wire["payload"], key: wrong}})


# ---------------------------------------------------------------- writing
@pytest.mark.parametrize("at", [math.nan, math.inf, 1e308])
def test_an_event_at_no_time_is_refused(at: float) -> None:
    with pytest.raises(NotSerializableError, match="is not a time"):
        to_wire(ev.StepStart(**{**CALL, "at": at}, input=1))


def test_only_events_are_written() -> None:
    class Own(ev.Canceled):
        pass

    for other in (42, None, Own(**START)):
        with pytest.raises(NotSerializableError, match="is not an event of trioflow"):
            to_wire(other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "attempts", [{1: 2}, {None: 1}, {"0": "x"}, {"0": None}, {"0": 1.5}, {"0": True}, {"0": [1]}, 5]
)
def test_counts_by_address_are_checked_one_by_one(attempts: Any) -> None:
    event = ev.Recover(run_id="r", seq=3, at=1.0, attempts={"0": 1})
    wire = to_wire(event)
    assert from_wire(wire) == event

    wire["payload"]["attempts"] = attempts
    with pytest.raises(WireFormatError, match="'attempts' is"):
        from_wire(wire)
