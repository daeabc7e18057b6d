"""Entries of usual events that are recognized by their shape are read as all others are."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.shortcuts.stage import standing_in
from tests.properties.shown import shows
from tests.properties.test_usual_entries import EVENTS, PLAN, RESULTS, STARTS
from trioflow import events as ev
from trioflow._engine.history import restore as restoring
from trioflow._engine.history.event_values import ValueOf
from trioflow._engine.history.restore import restore
from trioflow._engine.journal.codec import decode_recorded
from trioflow._engine.journal.encoding import encode_any
from trioflow._engine.journal.usual_events import UsualEvents
from trioflow.abc import Entry

SEQ = 5
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)
TYPES = st.sampled_from(["step-start", "step-result", "step-finish"])
FIELDS = st.dictionaries(
    st.sampled_from(["input", "output", "seconds", "kind", "attempts", "input_of"]),
    JSON,
    max_size=2,
)
IDS = st.sampled_from(["a", "a.b", ""]) | JSON
ADDRESSES = st.sampled_from(["0", "0:a", "1/0", "no address", ""]) | JSON
PARTS = st.one_of(
    st.tuples(TYPES, st.just(SEQ), IDS, ADDRESSES),
    st.tuples(TYPES, st.just(SEQ), IDS, ADDRESSES, FIELDS),
    st.tuples(TYPES | JSON, st.just(SEQ) | JSON, IDS, ADDRESSES, FIELDS | JSON),
    st.lists(JSON, max_size=6),
)
TEXTS = st.one_of(
    PARTS.map(json.dumps),
    PARTS.map(lambda parts: json.dumps(parts) + " "),
    PARTS.map(lambda parts: json.dumps(parts)[:-1]),
    st.text(),
    st.just("[" * 100_000),
)


def outcome(read: Any, *args: Any) -> tuple[object, ...]:
    try:
        events = read(*args)
    except Exception as exc:
        return type(exc), str(exc)
    # With their classes, since NaN is equal to nothing and True to 1.
    return tuple(repr(event) for event in events)


def check_reading(entries: list[Entry]) -> None:
    fast = outcome(decode_recorded, "run", entries, None)
    with standing_in((UsualEvents, "read", lambda self, entry: None)):
        assert fast == outcome(decode_recorded, "run", entries, None)


@shows("usual-event")
@given(st.lists(TEXTS, max_size=4))
def test_whatever_stands_in_an_entry(texts: list[str]) -> None:
    check_reading([Entry(SEQ, 1.5, text) for text in texts])


@given(EVENTS, STARTS, RESULTS, st.floats(0, 9))
def test_what_was_written(place: Any, start: Any, result: Any, seconds: float) -> None:
    entries = []
    for event in (
        ev.StepStart(**{"input": None, **place, **start}),
        ev.StepResult(**place, **result, status="success"),
        ev.StepFinish(**place, seconds=seconds, attempts=1),
    ):
        try:
            entries.append(encode_any(event, PLAN, {}, None, None))
        except Exception:  # it cannot be written
            continue

    check_reading(entries)


def test_the_usual_events_are_recognized() -> None:
    usual = UsualEvents("run")
    texts = [
        '["step-start",5,"a","0",{"input":1}]',
        '["step-start",5,"a","0"]',
        '["step-result",5,"a","0",{"output":"b"}]',
        '["step-finish",5,"a","0",{"seconds":0.5}]',
    ]

    events = [usual.read(Entry(SEQ, 1.0, text)) for text in texts]

    assert [type(event) for event in events] == [
        ev.StepStart,
        ev.StepStart,
        ev.StepResult,
        ev.StepFinish,
    ]


RECORDED = st.one_of(
    JSON,
    st.builds(ValueOf, st.integers(0, 3)),
    st.sampled_from([{"$int": "1"}, {"$str": "a"}, {"$missing": 1}, {"$error": {}}]),
)
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "resume_data": st.none() | RECORDED,
        "state_updates": st.none() | st.just({"a": 1}),
        "error": st.none() | st.builds(ValueError, st.text()),
    },
)


@shows("usual-value")
@given(
    st.lists(
        st.tuples(
            EVENTS, st.sampled_from(["start", "success", "bailed", "failed"]), RECORDED, GIVEN
        ),
        max_size=4,
    )
)
def test_values_get_their_types(drawn: list[Any]) -> None:
    events = [event(number, *each) for number, each in enumerate(drawn)]

    fast = restored(events)
    with standing_in((restoring, "only_value", lambda event: None)):
        assert fast == restored(events)


def event(seq: int, place: Any, kind: Any, value: Any, given: Any) -> ev.Event:
    place = {**place, "seq": seq, "id": "a"}
    if kind == "start":
        resumed = "resume_data" in given
        data = given.get("resume_data")
        return ev.StepStart(**place, input=value, resumed=resumed, resume_data=data)
    more = {name: given[name] for name in ("state_updates", "error") if name in given}
    return ev.StepResult(**place, status=kind, output=value, **more)


def restored(events: list[ev.Event]) -> tuple[object, ...]:
    return outcome(lambda: [restore(PLAN, events)])
