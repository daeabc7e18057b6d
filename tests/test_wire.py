"""Events on the wire: both dialects, what is lost (nothing), and what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.addressing import ADDRESSES
from trioflow import events as ev
from trioflow.errors import NotSerializableError, WireFormatError
from trioflow.record import fold
from trioflow.results import RunResult
from trioflow.wire import (
    DIALECTS,
    NATIVE_TYPES,
    Dialect,
    RecordedError,
    from_wire,
    result_to_wire,
    to_wire,
)

both_dialects = pytest.mark.parametrize("dialect", DIALECTS)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ERRORS = st.recursive(
    st.builds(RecordedError, st.text(min_size=1), st.text(), st.text()),
    lambda inner: st.builds(
        RecordedError,
        st.text(min_size=1),
        st.text(),
        st.text(),
        st.lists(inner, max_size=3).map(tuple),
    ),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=3)
SECONDS = st.floats(min_value=0, max_value=1e12)
SEQS = st.integers(0, 2**63 - 1)


def events_of(cls: type[ev.Event]) -> st.SearchStrategy[ev.Event]:
    """Generate events of one class with values that JSON has too."""
    return st.builds(
        cls, **{field.name: _values(field) for field in attrs.fields(attrs.resolve_types(cls))}
    )


def _values(field: attrs.Attribute[Any]) -> st.SearchStrategy[Any]:
    if field.name == "error" and field.default is attrs.NOTHING:
        return ERRORS
    if field.name == "error":
        return st.none() | ERRORS
    if field.name == "seq":
        return SEQS
    if field.name == "index":
        return st.integers(0, 10**18 - 1)
    if field.name == "address":
        return ADDRESSES.map(str)
    if field.name == "targets":
        return st.lists(ADDRESSES.map(str), max_size=2).map(tuple)
    if field.name in ("at", "seconds", "delay"):
        return SECONDS
    if field.name in ("until", "deadline"):
        return SECONDS if field.default is attrs.NOTHING else st.none() | SECONDS
    if field.name in ("runtime_context", "metadata", "args", "updates", "inputs", "answers"):
        return OBJECTS
    if field.name == "attempts" and isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        return st.dictionaries(st.text(), st.integers(0, 10**6), max_size=3)
    if field.name in ("state_updates", "asks"):
        return st.none() | OBJECTS
    return JSON if field.type is None or field.type is Any else st.from_type(field.type)


EVENTS = st.sampled_from(list(ev.EVENT_TYPES.values())).flatmap(events_of)


# ---------------------------------------------------------------- round trips
@both_dialects
@given(event=EVENTS)
def test_an_event_comes_back_equal(dialect: Dialect, event: ev.Event) -> None:
    assert from_wire(json.dumps(to_wire(event, dialect))) == event


@both_dialects
@given(event=EVENTS)
def test_what_is_written_is_json_itself(dialect: Dialect, event: ev.Event) -> None:
    wire = to_wire(event, dialect)

    assert json.loads(json.dumps(wire, allow_nan=False)) == wire


@given(event=EVENTS)
def test_extra_keys_are_ignored(event: ev.Event) -> None:
    wire = to_wire(event)
    wire["later"] = {"version": 2}

    assert from_wire(wire) == event


@both_dialects
@given(event=EVENTS, data=st.data())
def test_an_event_that_lacks_something_is_refused(
    dialect: Dialect, event: ev.Event, data: st.DataObject
) -> None:
    wire = to_wire(event, dialect)
    del wire[data.draw(st.sampled_from(["type", "seq", "at", "runId"]))]

    with pytest.raises(WireFormatError):
        from_wire(wire)


@given(garbage=JSON | st.binary() | st.text())
def test_garbage_is_refused(garbage: Any) -> None:
    with pytest.raises(WireFormatError):
        from_wire(garbage)


@both_dialects
@given(event=EVENTS, value=JSON, data=st.data())
def test_any_value_under_a_known_key_is_read_or_refused(
    dialect: Dialect, event: ev.Event, value: Any, data: st.DataObject
) -> None:
    wire = to_wire(event, dialect)
    target = data.draw(st.sampled_from([wire, wire.get("payload") or wire]))
    target[data.draw(st.sampled_from(sorted(target)))] = value

    try:
        assert isinstance(from_wire(wire), ev.Event)
    except WireFormatError as error:
        assert error.problem


@pytest.mark.parametrize(
    "wire",
    [
        {"type": "start", "payload": {"runId": "r"}},  # as recorded, so without our keys
        {
            "type": "workflow-start",
            "runId": "r",
            "from": "WORKFLOW",
            "payload": 1,
            "seq": 0,
            "at": 0,
        },
        {"type": "dance", "payload": {}},
        b"\xff",
        "[" * 100_000,
    ],
)
def test_what_is_no_event_of_ours_is_refused(wire: Any) -> None:
    with pytest.raises(WireFormatError):
        from_wire(wire)


@both_dialects
@pytest.mark.parametrize("address", ["", "x", "0/", "00"])
def test_what_is_no_address_is_refused(dialect: Dialect, address: str) -> None:
    begins = to_wire(ev.StepStart(**{**CALL, "address": address}, input=None), dialect)
    resumes = to_wire(ev.Resume(**START, targets=("0", address)), dialect)

    for wire in (begins, resumes):
        with pytest.raises(WireFormatError, match="is not an address"):
            from_wire(wire)


@both_dialects
@pytest.mark.parametrize("index", [-1, 10**18])
def test_an_item_that_no_address_can_have_is_refused(dialect: Dialect, index: int) -> None:
    item = ev.StepProgress(**CALL, index=index, done=1, total=1, status="success")

    with pytest.raises(WireFormatError, match=f"'currentIndex' is {index}"):
        from_wire(to_wire(item, dialect))


# ---------------------------------------------------------------- the shapes
START: dict[str, Any] = {"run_id": "r", "seq": 1, "at": 1.2345}
CALL = {**START, "id": "a", "address": "0"}


def test_a_step_start_has_the_shape_of_0_18() -> None:
    assert to_wire(ev.StepStart(**CALL, input={"v": 1})) == {
        "type": "step-start",
        "payload": {
            "id": "a",
            "address": "0",
            "stepCallId": "r:0",
            "payload": {"v": 1},
            "kind": "step",
            "startedAt": 1234,
            "status": "running",
        },
        "runId": "r",
        "seq": 1,
        "at": 1.2345,
    }


def test_a_step_in_a_loop_has_the_shape_of_1() -> None:
    assert to_wire(ev.StepStart(**CALL, input=1, iteration=3), "mastra-1") == {
        "type": "workflow-step-start",
        "runId": "r",
        "from": "WORKFLOW",
        "payload": {
            "stepName": "a",
            "id": "a",
            "address": "0",
            "stepCallId": "r:0",
            "payload": 1,
            "kind": "step",
            "startedAt": 1234,
            "status": "running",
            "metadata": {"iterationCount": 3},
        },
        "seq": 1,
        "at": 1.2345,
    }


def test_a_tool_event_is_flat_in_0_18() -> None:
    event = ev.ToolCallDelta(**CALL, tool_call_id="t", name="grep", args={"q": "x"}, delta="one")

    wire = to_wire(event)

    assert {"name": "grep", "args": {"q": "x"}, "argsTextDelta": "one"}.items() <= wire.items()
    assert "payload" not in wire


def test_a_chunk_comes_from_the_user_in_1() -> None:
    wire = to_wire(ev.StepOutput(**CALL, chunk="x"), "mastra-1")

    assert (wire["type"], wire["from"]) == ("workflow-step-output", "USER")
    assert {"output": "x", "runId": "r", "stepName": "a"}.items() <= wire["payload"].items()


def test_a_failed_finish_names_the_error_in_1() -> None:
    error = RecordedError("OSError", "disk full")

    wire = to_wire(ev.Finish(**START, status="failed", error=error), "mastra-1")

    assert wire["payload"]["workflowStatus"] == "failed"
    assert wire["payload"]["metadata"] == {
        "error": {"name": "OSError", "message": "disk full"},
        "errorMessage": "disk full",
    }
    assert "finalWorkflowResult" not in wire["payload"]


def test_an_output_of_none_is_written() -> None:
    wire = to_wire(ev.StepResult(**CALL, status="success"))

    assert wire["payload"]["output"] is None


def test_a_failed_result_has_no_output() -> None:
    wire = to_wire(ev.StepResult(**CALL, status="failed", error=ValueError("no")))

    assert "output" not in wire["payload"]


def test_native_types_are_types_of_ours() -> None:
    for dialect in DIALECTS:
        assert NATIVE_TYPES[dialect] < set(ev.EVENT_TYPES)


def test_an_unknown_dialect_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"mastra-0\.18, mastra-1"):
        to_wire(ev.Canceled(**START), "mastra-2")  # type: ignore[arg-type]


# ---------------------------------------------------------------- errors
TRACE = 'Traceback (most recent call last):\n  File "/srv/app.py", line 1\n'


def test_a_raised_exception_keeps_its_traceback() -> None:
    with pytest.raises(ValueError) as caught:
        int("no")

    error = caught.value
    wire = to_wire(ev.StepResult(**CALL, status="failed", error=error))["payload"]["error"]

    assert (wire["name"], wire["message"]) == ("ValueError", str(error))
    assert wire["stack"].startswith("Traceback")
    assert wire["stack"].endswith(f"ValueError: {error}\n")


@both_dialects
def test_stacks_can_be_left_out_wherever_exceptions_are(dialect: Dialect) -> None:
    member = RecordedError("KeyError", "b", TRACE)
    error = RecordedError("ExceptionGroup", "both", TRACE, (member, member))
    recorded = {"name": "ValueError", "message": "in a value", "stack": TRACE}
    shelf = {"stack": ["of books"], "name": "shelf"}  # looks like no exception
    event = ev.StepResult(**CALL, status="failed", error=error, output=[recorded, shelf])

    whole, bare = to_wire(event, dialect), to_wire(event, dialect, stack=False)

    assert json.dumps(whole).count(TRACE[:9]) == 4
    assert TRACE[:9] not in json.dumps(bare)
    assert bare["payload"]["output"] == [{"name": "ValueError", "message": "in a value"}, shelf]
    assert from_wire(bare) == attrs.evolve(
        event,
        error=RecordedError("ExceptionGroup", "both", "", 2 * (RecordedError("KeyError", "b"),)),
        output=bare["payload"]["output"],
    )


def test_a_result_for_browsers_has_no_stacks() -> None:
    error = RecordedError("OSError", "disk full", TRACE)
    result: RunResult[int] = RunResult(
        status="failed", run_id="r", workflow_id="w", input=1, error=error
    )

    assert TRACE[:9] in json.dumps(result_to_wire(result))
    assert TRACE[:9] not in json.dumps(result_to_wire(result, stack=False))


def test_a_group_keeps_its_members() -> None:
    group = ExceptionGroup("two", [OSError("a"), ExceptionGroup("deep", [KeyError("b")])])

    event = from_wire(to_wire(ev.StepResult(**CALL, status="failed", error=group)))

    assert isinstance(event, ev.StepResult)
    assert event.error == RecordedError(
        "ExceptionGroup",
        "two",
        "",
        (
            RecordedError("OSError", "a"),
            RecordedError("ExceptionGroup", "deep", "", (RecordedError("KeyError", "'b'"),)),
        ),
    )


# ---------------------------------------------------------------- values
class Colour(Enum):
    RED = "red"


@attrs.frozen
class Shape:
    colour: Colour


@attrs.frozen
class Circle(Shape):
    radius: float


@dataclass
class Drawing:
    shapes: list[Shape]
    where: Path
    when: datetime
    data: bytes = b""


def no_number() -> None: ...


NO_NUMBER: Any = no_number


def written(value: Any) -> Any:
    return to_wire(ev.StepOutput(**CALL, chunk=value))["payload"]["output"]


def test_classes_are_written_field_by_field() -> None:
    drawing = Drawing(
        [Circle(Colour.RED, 2.0)], Path("a/b"), datetime(2024, 5, 1, tzinfo=UTC), b"\xff"
    )

    assert written(drawing) == {
        "shapes": [{"colour": "red", "radius": 2.0}],  # what the subclass adds is kept
        "where": "a/b",
        "when": "2024-05-01T00:00:00+00:00",
        "data": "/w==",
    }


def test_sets_and_tuples_become_lists() -> None:
    assert written({"s": {3, 1, 2}, "t": (1, (2,)), "f": frozenset("ba")}) == {
        "s": [1, 2, 3],
        "t": [1, [2]],
        "f": ["a", "b"],
    }


def test_keys_become_texts() -> None:
    assert written({200: "ok", Colour.RED: 1}) == {"200": "ok", "red": 1}


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        (object(), "output", "is a object, which has no JSON form"),
        (
            {"a": [1, {"b": print}]},
            "output.a[1].b",
            "is a builtin_function_or_method, which has no JSON form",
        ),
        (
            Drawing([Circle(Colour.RED, NO_NUMBER)], Path(), datetime.min),
            "output.shapes[0].radius",
            "is a function, which has no JSON form",
        ),
    ],
)
def test_anything_else_is_refused_with_its_path(value: Any, path: str, problem: str) -> None:
    with pytest.raises(NotSerializableError) as caught:
        written(value)

    assert (caught.value.path, caught.value.problem) == (path, problem)


def test_a_converter_writes_the_types_it_knows() -> None:
    from cattrs import Converter

    converter = Converter()
    converter.register_unstructure_hook(complex, lambda z: {"re": z.real, "im": z.imag})

    wire = to_wire(ev.StepOutput(**CALL, chunk=[1j]), converter=converter)

    assert wire["payload"]["output"] == [{"re": 0.0, "im": 1.0}]


# ---------------------------------------------------------------- results
def test_a_result_has_the_shape_of_the_recorded_ones() -> None:
    events: list[ev.Event] = [
        ev.Start(**{**START, "seq": 0}, workflow_id="w", input={"v": 1}),
        ev.StepStart(**CALL, input={"v": 1}),
        ev.StepResult(**{**CALL, "seq": 2, "at": 2.0}, status="success", output=2),
        ev.StepFinish(**{**CALL, "seq": 3}, attempts=1, seconds=0.5),
    ]
    result: RunResult[int] = RunResult(
        status="success",
        run_id="r",
        workflow_id="w",
        input={"v": 1},
        output=2,
        steps=fold(events).steps,
    )

    wire = result_to_wire(result)

    assert (wire["status"], wire["result"], wire["input"]) == ("success", 2, {"v": 1})
    assert wire["steps"]["input"] == {"v": 1}
    assert wire["steps"]["a"] == {
        "status": "success",
        "payload": {"v": 1},
        "output": 2,
        "startedAt": 1234,
        "endedAt": 2000,
        "kind": "step",
        "address": "0",
        "attempts": 1,
        "seconds": 0.5,
    }
    assert "error" not in wire


def test_a_suspended_and_a_failed_result_say_why() -> None:
    suspended: RunResult[int] = RunResult(
        status="suspended",
        run_id="r",
        workflow_id="w",
        input=1,
        suspended=(("outer", "ask"),),
        suspend_payload={"outer.ask": {"q": "how much?"}},
    )
    failed: RunResult[int] = RunResult(
        status="failed", run_id="r", workflow_id="w", input=1, error=OSError("disk full")
    )

    assert result_to_wire(suspended)["suspended"] == [["outer", "ask"]]
    assert result_to_wire(suspended)["suspendPayload"] == {"outer.ask": {"q": "how much?"}}
    assert result_to_wire(failed)["error"] == {"name": "OSError", "message": "disk full"}
    assert "result" not in result_to_wire(failed)


def test_a_result_names_the_steps_that_labels_resume() -> None:
    waiting: RunResult[Any] = RunResult(
        status="suspended", run_id="r", workflow_id="w", input=None, suspended=(("a", "b"),)
    )

    assert "resumeLabels" not in result_to_wire(waiting)
    labeled = attrs.evolve(waiting, resume_labels={"sure": ("a", "b")})
    assert result_to_wire(labeled)["resumeLabels"] == {"sure": ["a", "b"]}
