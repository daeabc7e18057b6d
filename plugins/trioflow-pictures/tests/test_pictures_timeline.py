"""Timelines: which bars, spans and marks become of events, and how the page holds them."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock
from trioflow_pictures import to_timeline_html
from trioflow_pictures.timeline.bars import Bar
from trioflow_pictures.timeline.data import page_data
from trioflow_pictures.timeline.fold import timeline_of
from trioflow_pictures.timeline.idle import idle_times

from trioflow import Limit, Retry, StepContext, Workflow, events, fold, open_engine, step
from trioflow.stores import MemoryStore
from trioflow.testing.strategies import event_logs
from trioflow.wire import from_wire, to_wire

from .example import recorded
from .runs import HOSTILE, chain_of, hostile_run, record_now
from .steps import fails, gives, sleeps

Found = list[events.Event]


def bars_of(found: Found) -> dict[str, Bar]:
    """Return all bars by label; of several with one label the last."""
    return {bar.label: bar for bar, _ in timeline_of(found).root.walk()}


def spans_of(found: Found, label: str) -> list[tuple[float, float | None, str]]:
    """Return the spans of a bar, in seconds since the run began."""
    begin = found[0].at

    def since(at: float | None) -> float | None:
        return None if at is None else round(at - begin, 6)

    spans = bars_of(found)[label].spans
    return [(since(span.start) or 0.0, since(span.end), span.kind) for span in spans]


def outline_of(found: Found) -> list[str]:
    return ["  " * depth + bar.label for bar, depth in timeline_of(found).root.walk()]


def read_back(found: Found) -> Found:
    """Return events as they are read from a journal."""
    return [from_wire(json.dumps(to_wire(event))) for event in found]


def flow(id: str = "w") -> Workflow[Any, Any]:
    return Workflow(id)


# ---------------------------------------------------------------- bars
def test_calls_are_inside_what_made_them() -> None:
    inner = flow("inner").then(sleeps(1, "deep"))
    workflow = flow().then(gives([1, 2], "list")).foreach(inner).then(flow("in").then(inner))

    assert outline_of(record_now(workflow)) == [
        *("w", "  list"),
        *("  inner", "    [0]", "      deep", "    [1]", "      deep"),
        *("  in", "    inner", "      deep"),
    ]


def test_iterations_of_a_loop_share_a_line_that_can_be_closed() -> None:
    counted: list[int] = []

    def enough(_: Any) -> bool:
        counted.append(1)
        return len(counted) == 3

    found = record_now(flow().dountil(sleeps(2, "again"), enough))

    assert outline_of(found) == ["w", "  again", "    again #1", "    again #2", "    again #3"]
    assert spans_of(found, "again") == [(0, 6, "all")]
    assert spans_of(found, "again #2") == [(2, 4, "run")]


def test_attempts_and_the_pauses_between_them_are_spans_of_one_bar() -> None:
    @step(retry=Retry(attempts=3, delay=1.0, backoff=2.0))
    async def flaky(value: Any, ctx: StepContext) -> str:
        await trio.sleep(0.5)
        if ctx.attempt < 3:
            raise OSError("no")
        return "yes"

    found = record_now(flow().then(flaky))

    assert spans_of(found, "flaky") == [
        *((0, 0.5, "run"), (0.5, 1.5, "backoff"), (1.5, 2, "run"), (2, 4, "backoff")),
        (4, 4.5, "run"),
    ]
    bar = bars_of(found)["flaky"]
    assert [name for name, _ in bar.errors] == ["Attempt 1", "Attempt 2"]
    assert (bar.status, bar.facts["Attempts"]) == ("success", 3)


def test_a_body_that_waits_to_begin_shows_waiting_apart_from_work() -> None:
    @step(limit=Limit("gpu", 1), retry=Retry(attempts=2, delay=1.0))
    async def work(value: Any, ctx: StepContext) -> str:
        await trio.sleep(2)
        if ctx.attempt == 1:
            raise OSError("no")
        return "done"

    found = record_now(flow().parallel(work.clone("a"), work.clone("b")))

    assert sorted([spans_of(found, "a"), spans_of(found, "b")]) == [
        [(0, 2, "queue"), (2, 4, "run"), (4, 5, "backoff"), (5, 6, "queue"), (6, 8, "run")],
        [(0, 2, "run"), (2, 3, "backoff"), (3, 4, "queue"), (4, 6, "run")],
    ]


def test_a_pause_that_is_cut_off_has_no_attempt_behind_it() -> None:
    flaky = fails(OSError("no"), after=1, id="flaky")
    retried: Workflow[Any, Any] = Workflow("inner", retry=Retry(attempts=2, delay=60))
    found = record_now(flow().parallel(retried.then(flaky), fails(ValueError("end"), after=5)))

    assert spans_of(found, "flaky") == [(0, 1, "run"), (1, 5, "backoff")]
    assert bars_of(found)["flaky"].status == "canceled"


def test_a_pause_that_has_not_ended_goes_on() -> None:
    found = record_now(
        Workflow("w", retry=Retry(attempts=2, delay=60)).then(fails(OSError("no"), after=1))
    )
    cut = found[: [event.type for event in found].index("step-retry") + 1]

    [row] = [row for row in page_data(timeline_of(cut))["rows"] if row["kind"] == "step"]
    assert row["spans"] == [[0, 1, "run"], [1, None, "backoff"]]


def test_waits_and_sleeps_are_spans_of_their_own() -> None:
    @step
    async def waits(value: Any, ctx: StepContext) -> Any:
        await trio.sleep(1)
        return await ctx.wait_for("later", Any)

    async def run() -> Found:
        run = flow().sleep(3).wait_for_event("go", sleeps(1, "goes")).then(waits).create_run()
        found: Found = []
        async with run.stream(None) as stream:
            async for event in stream:
                found.append(event)
                if isinstance(event, events.StepWaiting) and event.event:
                    await trio.sleep(2)
                    run.send_event(event.event, 1)
        return found

    found = trio.run(run, clock=MockClock(autojump_threshold=0))

    assert spans_of(found, "sleep_w_0") == [(0, 3, "sleep")]
    assert [span for span in spans_of(found, "goes") if span[0] != span[1]] == [
        *((3, 5, "wait"), (5, 6, "run")),
    ]
    assert spans_of(found, "waits") == [(6, 7, "run"), (7, 9, "wait"), (9, 9, "run")]
    assert len(bars_of(found)["w"].marks["event"]) == 2


def test_tool_calls_are_lines_below_their_step_and_their_pieces_ticks_on_both() -> None:
    found = recorded()
    bars = bars_of(found)

    assert [child.label for child in bars["choose_train"].children] == ["find_train"]
    assert len(bars["find_train"].marks["delta"]) == 4
    assert bars["choose_train"].marks["delta"] == bars["find_train"].marks["delta"]
    assert len(bars["choose_train"].marks["chunk"]) == 1
    assert bars["find_train"].values["Output"] == ["IC ", "61, ", "9:41, ", "track 3"]


def test_an_item_whose_beginning_nobody_told_has_an_end_only() -> None:
    items = flow().then(gives([1, 2], "list")).foreach(sleeps(2, "each"))
    bars = bars_of(record_now(items))

    assert bars["[1]"].spans == []
    assert bars["[1]"].ended == bars["each"].ended
    assert len(bars["each"].marks["item"]) == 2


def test_an_item_begins_at_the_latest_with_what_it_did_first() -> None:
    @step
    async def writes(value: int, ctx: StepContext) -> None:
        await ctx.write(value)
        await trio.sleep(value)

    found = record_now(flow().then(gives([1, 2], "list")).foreach(writes, concurrency=2))

    assert spans_of(found, "[0]") == [(0, 1, "run")]
    assert spans_of(found, "[1]") == [(0, 2, "run")]
    assert "first" in bars_of(found)["[1]"].facts["Note"]


def test_very_many_siblings_are_put_together_by_the_hundred() -> None:
    timeline = timeline_of(record_now(chain_of(250)))

    groups = timeline.root.children
    assert [group.label for group in groups] == ["s0 … s99", "s100 … s199", "s200 … s249"]
    assert [len(group.children) for group in groups] == [100, 100, 50]


def test_of_a_group_the_worst_status_is_told() -> None:
    failing = chain_of(201).then(fails(ValueError("no")))

    assert [group.status for group in timeline_of(record_now(failing)).root.children] == [
        *("success", "success", "failed"),
    ]


# ---------------------------------------------------------------- several parts
def suspended_and_resumed() -> tuple[Found, Found]:
    """Return the events of a run up to its suspension, and all of them."""

    @step(resume=str)
    async def asks(value: Any, ctx: StepContext) -> Any:
        await trio.sleep(1)
        if ctx.resume_data is None:
            ctx.suspend("well?", label="boss")
        return ctx.resume_data

    async def run() -> tuple[Found, Found]:
        run = flow().then(asks).create_run(run_id="r")
        found: Found = []
        async with run.stream(None) as stream:
            found += [event async for event in stream]
        first = list(found)
        await trio.sleep(60)
        async with run.resume_stream("yes") as stream:
            found += [event async for event in stream]
        return first, found

    return trio.run(run, clock=MockClock(autojump_threshold=0))


def test_a_suspension_goes_on_until_there_is_an_answer() -> None:
    first, found = suspended_and_resumed()

    assert spans_of(first, "asks") == [(0, 1, "run"), (1, None, "suspended")]
    assert spans_of(first, "w") == [(0, 1, "run"), (1, None, "suspended")]
    assert spans_of(found, "asks") == [(0, 1, "run"), (1, 61, "suspended"), (61, 62, "run")]
    bar = bars_of(found)["asks"]
    assert bar.values == {
        "Input": None,
        "Suspended with": "well?",
        "Answer": "yes",
        "Output": "yes",
    }
    assert bar.facts["Label"] == "boss"


def test_an_item_that_was_answered_goes_on_with_the_answer() -> None:
    @step(resume=str)
    async def asks(value: int, ctx: StepContext) -> Any:
        if value and ctx.resume_data is None:
            ctx.suspend(value)
        await trio.sleep(value)
        return ctx.resume_data

    async def run() -> Found:
        run = flow().then(gives([0, 2], "list")).foreach(asks).create_run(run_id="r")
        async with run.stream(None) as stream:
            found = [event async for event in stream]
        await trio.sleep(60)
        async with run.resume_stream("yes") as stream:
            return [*found, *[event async for event in stream]]

    found = trio.run(run, clock=MockClock(autojump_threshold=0))

    assert spans_of(found, "[1]") == [(0, 60, "suspended"), (60, 62, "run")]
    assert spans_of(found, "asks") == [(0, 0, "run"), (0, 60, "suspended"), (60, 62, "run")]
    assert bars_of(found)["asks"].facts["Resumed"] == 1


def test_a_run_that_pauses_after_a_step_says_so() -> None:
    found = record_now(flow().then(sleeps(1, "a")))[:-1]
    paused = events.Paused(run_id="r", seq=len(found), at=found[-1].at)

    assert spans_of([*found, paused], "w") == [(0, 1, "run"), (1, None, "paused")]


def test_calls_of_a_later_attempt_of_a_workflow_say_so() -> None:
    inner: Workflow[Any, Any] = Workflow("inner")
    made: list[int] = []

    @step
    async def second_time(value: Any) -> None:
        made.append(1)
        if len(made) == 1:
            raise OSError("not yet")

    retried = Workflow("w", retry=Retry(attempts=2, delay=1)).then(inner.then(second_time))
    found = record_now(retried)

    assert outline_of(found)[2:] == ["    second_time", "    second_time (attempt 2)"]


@pytest.mark.parametrize(("crashed", "gap"), [(True, "lost"), (False, "halted")])
def test_what_a_process_was_at_is_cut_off_and_made_again(crashed: bool, gap: str) -> None:
    found = record_now(flow().then(sleeps(1, "a")).then(sleeps(4, "b")))
    cut = found[: [event.type for event in found].index("step-finish") + 2]
    start = cut[-1]
    assert isinstance(start, events.StepStart)
    later = start.at + 100
    again = [
        events.Recover(run_id="r", seq=50, at=later, crashed=crashed),
        events.StepStart(run_id="r", seq=51, at=later, id="b", address="1", input=None),
    ]

    assert bars_of([*cut, again[0]])["b"].status == "interrupted"
    assert spans_of([*cut, *again], "w") == [(0, 1, "run"), (1, 101, gap), (101, None, "run")]
    assert spans_of([*cut, *again], "b")[-1] == (101, None, "run")


def test_calls_in_items_are_labeled_with_their_whole_ids() -> None:
    place = Workflow[Any, Any]("acme.place").then(sleeps(1, "acme.forecast")).then(sleeps(1, "b"))
    found = record_now(Workflow[Any, Any]("w").foreach(place), [1])

    assert outline_of(found)[1:] == ["  acme.place", "    [0]", "      acme.forecast", "      b"]


def test_what_waits_when_a_run_is_canceled_is_canceled_with_it() -> None:
    first, _ = suspended_and_resumed()
    end = first[-1].at + 5
    ending = [
        events.Canceled(run_id="r", seq=90, at=end, reason="too late"),
        events.Finish(run_id="r", seq=91, at=end, status="canceled"),
    ]
    bars = bars_of([*first, *ending])

    assert (bars["asks"].status, bars["w"].status) == ("canceled", "canceled")
    assert not bars["asks"].is_open
    assert bars["w"].facts["Reason"] == "too late"


async def test_the_timeline_of_a_journal_is_that_of_the_stream(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    workflow = flow().then(sleeps(1, "a")).parallel(sleeps(2, "b"), fails(OSError("c"), after=1))
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        run = engine.submit(workflow, None, run_id="r")
        async with run.observe() as stream:
            seen: Found = [event async for event in stream]
        await run.wait()
    async with (
        open_engine(plugins=[], store=store, workflows=[workflow]) as engine,
        engine.observe("r") as stream,
    ):
        kept: Found = [event async for event in stream]

    assert bars_of(kept).keys() == bars_of(seen).keys()
    for label in ("a", "b", "fails"):
        assert spans_of(kept, label) == spans_of(seen, label)


# ---------------------------------------------------------------- properties
@given(event_logs())
def test_bars_agree_with_the_state_of_the_run(found: Found) -> None:
    state = fold(found)
    timeline = timeline_of(found)
    bars = {key: bar for key, bar in timeline.bars.items() if bar.address == key}

    assert bars.keys() >= state.calls.keys()
    for address, record in state.calls.items():
        assert bars[address].status == record.status
        assert bars[address].ended == record.ended_at
    assert timeline.root.status == state.status
    for bar, _ in timeline.root.walk():
        assert not bar.is_open
        for span, following in pairwise(bar.spans):
            assert span.end is not None
            assert span.start <= span.end <= following.start


@given(event_logs())
def test_the_page_of_a_journal_is_that_of_the_stream(found: Found) -> None:
    assert to_timeline_html(read_back(found)) == to_timeline_html(found)


@given(event_logs(), st.integers(0, 99))
def test_every_beginning_of_a_run_has_a_page(found: Found, length: int) -> None:
    data = page_data(timeline_of(found[: 1 + length % len(found)]))

    assert json.loads(json.dumps(data, allow_nan=False)) == data


# ---------------------------------------------------------------- idle time
def test_times_without_work_are_idle_if_they_are_long() -> None:
    found = record_now(flow().then(sleeps(1, "a")).sleep(60).then(sleeps(1, "b")).sleep(0.1))
    begin = found[0].at

    assert [(start - begin, end - begin) for start, end in idle_times(timeline_of(found))] == [
        (1, 61)
    ]


def test_a_sleep_beside_work_is_not_idle() -> None:
    sleeping = flow("inner").sleep(60)

    assert not idle_times(timeline_of(record_now(flow().parallel(sleeping, sleeps(50)))))


def test_without_any_work_nothing_is_shortened() -> None:
    assert not idle_times(timeline_of(record_now(flow().sleep(60))))


# ---------------------------------------------------------------- the page
def data_in(page: str) -> Any:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_same_events_give_the_same_page() -> None:
    found = recorded()

    assert to_timeline_html(found) == to_timeline_html(iter(found))


def test_the_page_needs_nothing_from_elsewhere_and_may_not_ask() -> None:
    page = to_timeline_html(recorded())

    assert set(re.findall(r"https?://[^\"'\s]*", page)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page
    assert "unsafe-inline" not in page


def test_texts_of_strangers_cannot_end_the_data() -> None:
    page = to_timeline_html(hostile_run())

    assert page.count("</script>") == 2
    assert "<img" not in page
    assert "\u2028" not in page
    [failed] = [row for row in data_in(page)["rows"] if row["depth"] == 1]
    assert failed["label"] == "<b>\"'&amp;${x}$title"
    assert any(HOSTILE in text for _, text in failed["texts"])


def test_a_name_that_is_no_text_for_a_file_is_written_all_the_same() -> None:
    start = events.Start(run_id="\ud800", seq=0, at=0.0, workflow_id="w\ud800", input="\ud800")

    page = to_timeline_html([start]).encode()

    assert b"&#55296;" in page


def test_long_values_are_shortened_and_say_so() -> None:
    [row] = [
        row
        for row in data_in(to_timeline_html(record_now(flow().then(gives("x" * 9000)))))["rows"]
        if row["kind"] == "step"
    ]

    [text] = [text for name, text in row["texts"] if name == "Output"]
    assert text.endswith("… (9,000 characters)")
    assert len(text) < 4100


def test_the_page_of_many_calls_stays_small() -> None:
    def value(size: int) -> Workflow[Any, Any]:
        workflow: Workflow[Any, Any] = Workflow("w")
        for position in range(size):
            workflow = workflow.then(gives("x" * 5000, f"s{position}"))
        return workflow

    assert len(to_timeline_html(record_now(value(1000)))) < 6_000_000


def test_values_without_json_form_are_shown_by_their_repr() -> None:
    page = to_timeline_html(record_now(flow().then(gives(object))))

    assert any(
        "<class 'object'>" in text for row in data_in(page)["rows"] for _, text in row["texts"]
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no"), "ValueError: no"),
        (ValueError(), "ValueError"),
        (ExceptionGroup("two", [OSError("a"), OSError("b")]), "ExceptionGroup: two"),
    ],
)
def test_an_error_is_told_with_its_traceback_also_from_a_journal(
    error: Exception, told: str
) -> None:
    found = record_now(flow().then(fails(error)))

    for events_of_run in (found, read_back(found)):
        rows = page_data(timeline_of(events_of_run))["rows"]
        [text] = [text for row in rows if row["kind"] == "step" for _, text in row["texts"][:1]]
        assert text.startswith(f"{told}\n\n")
        assert "Traceback (most recent call last):\n" in text


def test_nothing_has_no_timeline() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        to_timeline_html([])
