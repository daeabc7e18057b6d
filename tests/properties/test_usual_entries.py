"""The entries of usual events, written in one go, are those that are written with a look at each
attribute."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.shortcuts.stage import stored_plan_of
from tests.properties.shown import shows
from trioflow import Workflow, step
from trioflow import events as ev
from trioflow._engine.journal.encoding import encode, encode_any
from trioflow._engine.journal.usual_entries import usual_text
from trioflow.abc import Entry


@step
async def whole(value: int) -> int:
    return value


@step
async def text(value: str) -> str:
    return value


@step
async def either(value: Any) -> int | str | None:
    return None


@step
async def anything(value: Any) -> Any:
    return value


ARMS: list[Any] = [whole, text, either, anything]
PLAN = stored_plan_of(Workflow[Any, Any]("w", input=Any).parallel(*ARMS))
ADDRESSES = ["0:whole", "0:text", "0:either", "0:anything", "0:missing", "7", "no address"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**5000),
    st.floats(),
    st.text(),
    st.sampled_from(["\ud800", '"', "é"]),
    st.lists(st.integers(), max_size=2),
    st.just({"$int": 1}),
    st.builds(object),
)
LOOP: dict[str, Any] = {}
LOOP["inner"] = LOOP
EVENTS = st.fixed_dictionaries(
    {
        "run_id": st.just("run"),
        "seq": st.integers(0, 2**63),
        "at": st.floats(0, 1e9),
        "id": st.sampled_from(["a", "a.b", "é\n", 7]),
        "address": st.sampled_from(ADDRESSES),
        "round": st.sampled_from([0, 0, 0, 1]),
    }
)


def usual(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Generate attributes of events, of which most are left out."""
    return st.fixed_dictionaries({}, optional=fields)


MAYBE = st.none() | VALUES
STARTS = usual(
    {
        "input": VALUES,
        "kind": st.sampled_from(["step", "map"]),
        "iteration": st.none() | st.integers(1, 3),
        "resume_data": MAYBE,
        "plugin": st.none() | st.just("p"),
        "arms": st.none() | st.just(("a",)),
    }
)
RESULTS = usual(
    {
        "output": VALUES,
        "error": st.none() | st.builds(ValueError, st.text()),
        "state_updates": st.none() | st.just({"a": 1}),
    }
)


def check(event: ev.Event) -> None:
    assert _outcome(lambda: encode(event, PLAN)) == _outcome(
        lambda: encode_any(event, PLAN, {}, None, None)
    )


def _outcome(write: Any) -> Entry | tuple[type[Exception], str]:
    try:
        entry: Entry = write()
    except Exception as exc:
        return type(exc), str(exc)
    return entry


@shows("usual-entry")
@given(EVENTS, STARTS)
def test_the_start_of_a_step(place: Any, fields: Any) -> None:
    check(ev.StepStart(**{"input": None, **place, **fields}))


@given(EVENTS, RESULTS, st.sampled_from(["success", "success", "failed", "bailed"]))
def test_the_result_of_a_step(place: Any, fields: Any, status: Any) -> None:
    check(ev.StepResult(**place, **fields, status=status))


@given(EVENTS, st.floats() | st.integers(0, 5), st.sampled_from([1, 1, 2, True]))
def test_the_end_of_a_step(place: Any, seconds: Any, attempts: Any) -> None:
    check(ev.StepFinish(**place, seconds=seconds, attempts=attempts))


NAMES = st.text(max_size=3) | st.just(7)
UPDATES = st.dictionaries(st.text(max_size=3), VALUES, max_size=2) | st.just(LOOP) | MAYBE


@given(EVENTS, NAMES, NAMES, UPDATES, st.none() | st.just("p"))
def test_the_events_of_a_tool(place: Any, call: Any, name: Any, value: Any, plugin: Any) -> None:
    about = {**place, "tool_call_id": call, "name": name}
    check(ev.ToolCall(**about, args=value, plugin=plugin))
    check(ev.ToolCallStreamingStart(**about, args=value))
    check(ev.ToolResult(**about, output=value))


@given(EVENTS, NAMES, UPDATES)
def test_private_state(place: Any, namespace: Any, updates: Any) -> None:
    check(ev.PrivateUpdate(**place, namespace=namespace, updates=updates))


def test_usual_events_are_written_in_one_go() -> None:
    place: dict[str, Any] = {
        "run_id": "run",
        "seq": 3,
        "at": 1.0,
        "id": "text",
        "address": "0:text",
    }

    texts = [
        usual_text(event, PLAN)
        for event in (
            ev.StepStart(**place, input=None),
            ev.StepResult(**place, status="success", output="é"),
            ev.StepFinish(**place, attempts=1, seconds=0.5),
            ev.ToolCall(**place, tool_call_id="c", name="t", args={"a": [1.5]}),
            ev.ToolCallStreamingStart(**place, tool_call_id="c", name="t", args={}),
            ev.ToolResult(**place, tool_call_id="c", name="t"),
            ev.PrivateUpdate(**place, namespace="p", updates={"a": None}),
        )
    ]

    assert texts == [
        '["step-start",3,"text","0:text"]',
        '["step-result",3,"text","0:text",{"output":"\\u00e9"}]',
        '["step-finish",3,"text","0:text",{"seconds":0.5}]',
        '["tool-call",3,"text","0:text",{"tool_call_id":"c","name":"t","args":{"a":[1.5]}}]',
        '["tool-call-streaming-start",3,"text","0:text",{"tool_call_id":"c","name":"t","args":{}}]',
        '["tool-result",3,"text","0:text",{"tool_call_id":"c","name":"t"}]',
        '["private-update",3,"text","0:text",{"namespace":"p","updates":{"a":null}}]',
    ]
