"""Events: values that nothing changes, however they are made."""

from __future__ import annotations

import pickle
from typing import Any, get_args

import attrs
import pytest

from trioflow import events as ev
from trioflow._engine.stream.drafts import DRAFTS


@pytest.mark.parametrize("event_type", ev.EVENT_TYPES.values(), ids=ev.EVENT_TYPES)
def test_what_is_made_from_a_draft_is_an_event_like_any(event_type: type[ev.Event]) -> None:
    fields: dict[str, Any] = {
        field.name: f"a {field.name}"
        for field in attrs.fields(event_type)
        if field.default is attrs.NOTHING
    }
    event = DRAFTS[event_type](**fields)
    event.__class__ = event_type

    assert event == event_type(**fields)
    assert repr(event) == repr(event_type(**fields))
    assert pickle.loads(pickle.dumps(event)) == event
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.seq = 2


def test_two_events_share_no_default() -> None:
    fields: dict[str, Any] = {"run_id": "r", "seq": 0, "at": 0.0, "workflow_id": "w", "input": 1}
    first, second = DRAFTS[ev.Start](**fields), DRAFTS[ev.Start](**fields)

    assert first.metadata == {}
    assert first.metadata is not second.metadata


def test_any_event_is_each_of_them() -> None:
    assert set(get_args(ev.AnyEvent)) == set(ev.EVENT_TYPES.values())
