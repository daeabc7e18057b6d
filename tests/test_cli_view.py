"""What the tree of a run shows: its view, and the lines that are made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.flows import add_one, fails, gives, record, sleeps
from trioflow import Retry, StepContext, Workflow, events, step, tool
from trioflow._cli.places import ArmOrder
from trioflow._cli.rows import rows
from trioflow._cli.view import KEPT, KEPT_TOOLS, RunView, path_of
from trioflow._engine.planning.fingerprint import fingerprint
from trioflow.addresses import Address


def flow(id: str = "flow") -> Workflow[Any, Any]:
    return Workflow(id, input=int)


def view_of(recorded: Sequence[events.Event]) -> RunView:
    view = RunView()
    for event in recorded:
        view.apply(event)
    return view


def lines(recorded: Sequence[events.Event], height: int = 1000, later: float = 0.0) -> list[str]:
    """Return the tree as texts: guides, status, label, progress, detail."""
    view = view_of(recorded)
    texts = []
    for row in rows(view.root, recorded[-1].at + later, height):
        words = ["" if row.kind in ("output", "more") else row.status, row.label]
        words += [f"{row.progress[0]}/{row.progress[1]}"] if row.progress else []
        words += [f"({row.detail})"] if row.detail else []
        texts.append(row.guides + " ".join(word for word in words if word))
    return texts


def until(recorded: Sequence[events.Event], type: str, count: int = 1) -> list[events.Event]:
    """Return the events up to the *count*-th one of a type."""
    positions = [position for position, event in enumerate(recorded) if event.type == type]
    return list(recorded[: positions[count - 1] + 1])


# ---------------------------------------------------------------- addresses
@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("2", ("2",)),
        ("2:a.b", ("2:a.b",)),
        ("2#3", ("2",)),
        ("2[7]", ("2", "[7]")),
        ("2/0", ("2", "0")),
        ("2~2/0", ("2", "0")),
        ("1:a~3/2#4/4[5]~2/6", ("1:a", "2", "4", "[5]", "6")),
    ],
)
def test_iterations_and_attempts_share_the_entry_of_their_call(
    address: str, path: tuple[str, ...]
) -> None:
    assert path_of(address) == path


# ---------------------------------------------------------------- how runs end
async def test_a_run_that_has_not_started_has_no_lines() -> None:
    assert RunView().root.id == ""


async def test_steps_are_below_their_workflow_in_order() -> None:
    recorded = await record(flow().then(add_one).then(gives(5)), 1)

    assert lines(recorded) == ["success flow", "├─ success add_one", "└─ success gives"]
    assert lines(until(recorded, "step-start")) == ["running flow", "└─ running add_one"]


async def test_what_failed_says_why_and_what_was_canceled_is_marked(
    autojump_clock: MockClock,
) -> None:
    recorded = await record(flow().parallel(fails(ValueError("no"), after=1), sleeps(9)), 1)

    shown = lines(recorded)
    assert shown[0] == "failed flow"
    assert {line[3:] for line in shown[1:]} == {"failed fails (ValueError: no)", "canceled sleeps"}


async def test_a_canceled_run_is_marked(autojump_clock: MockClock) -> None:
    run = flow().then(sleeps(9)).create_run()
    async with run.stream(1) as stream:
        recorded = []
        async for event in stream:
            recorded.append(event)
            if event.type == "step-start":
                run.cancel("enough")

    assert lines(recorded) == ["canceled flow", "└─ canceled sleeps"]


async def test_bailing_counts_as_ending_well() -> None:
    @step
    async def leaves(value: int, ctx: StepContext) -> None:
        ctx.bail("early")

    assert lines(await record(flow().then(leaves), 1)) == ["success flow", "└─ bailed leaves"]


async def test_times_are_those_of_the_run(autojump_clock: MockClock) -> None:
    recorded = await record(flow().then(sleeps(2)).then(sleeps(3, id="more")), 1)

    view = view_of(recorded)
    assert [row.seconds for row in rows(view.root, 0.0)] == pytest.approx([5, 2, 3])
    view = view_of(until(recorded, "step-start", 2))
    running = rows(view.root, recorded[-1].at + 1)
    assert [row.seconds for row in running] == pytest.approx([6, 2, 4])


# ---------------------------------------------------------------- nesting and repetition
async def test_nested_workflows_are_branches() -> None:
    inner = flow("inner").then(add_one)

    assert lines(await record(flow().then(inner).then(inner.clone("again")), 1)) == [
        "success flow",
        "├─ success inner",
        "│  └─ success add_one",
        "└─ success again",
        "   └─ success add_one",
    ]


async def test_arms_are_siblings() -> None:
    shown = lines(await record(flow().parallel(flow("inner").then(add_one), add_one), 1))

    assert sorted(line[1:] for line in shown[1:]) == [
        "  └─ success add_one",
        "─ success add_one",
        "─ success inner",
    ]


async def test_ids_with_dots_stay_whole() -> None:
    inner = flow("in.ner").then(add_one.clone("add.one"))

    assert lines(await record(flow().then(inner), 1))[1:] == [
        "└─ success in.ner",
        "   └─ success add.one",
    ]


async def test_the_iterations_of_a_loop_share_a_line(autojump_clock: MockClock) -> None:
    body = (
        flow("body").then(add_one).then(sleeps(1).clone("wait")).map(lambda x, ctx: ctx.init_data)
    )
    count = iter(range(3))
    recorded = await record(flow().dowhile(body, lambda x: next(count) < 2), 1)

    assert lines(recorded)[1] == "└─ success body #3"
    assert len(lines(recorded)) == 5
    entry = view_of(recorded).root.children["0"]
    assert entry.ended is not None
    assert entry.ended - entry.started == pytest.approx(3)


async def test_a_foreach_counts_its_items() -> None:
    recorded = await record(Workflow("flow", input=list[int]).foreach(add_one), [1, 2, 3])

    assert lines(recorded) == ["success flow", "└─ success add_one 3/3"]
    assert lines(until(recorded, "step-progress", 2)) == ["running flow", "└─ running add_one 2/3"]


async def test_items_that_are_workflows_are_branches_while_they_run() -> None:
    each = Workflow("each", input=int).then(add_one)
    recorded = await record(Workflow("flow", input=list[int]).foreach(each), [1, 2])

    assert lines(until(recorded, "step-start", 3)) == [
        "running flow",
        "└─ running each 1/2",
        "   └─ running [1]",
        "      └─ running add_one",
    ]
    assert lines(recorded) == ["success flow", "└─ success each 2/2"]


async def test_items_that_do_not_end_well_stay(autojump_clock: MockClock) -> None:
    @step
    async def picky(value: int) -> int:
        await trio.sleep(value)
        raise ValueError(value)

    each = Workflow("each", input=int).then(sleeps(1)).map(lambda x, ctx: ctx.init_data).then(picky)
    loop = Workflow("flow", input=list[int]).foreach(each, concurrency=2)
    recorded = await record(loop, [1, 5])

    shown = [line.lstrip("├└│─ ") for line in lines(recorded)]
    assert shown[:2] == ["failed flow", "failed each 1/2 (ValueError: 1)"]
    assert "failed [0] (ValueError: 1)" in shown
    assert "failed picky (ValueError: 1)" in shown
    assert {"canceled [1]", "canceled picky"} <= set(shown)


async def test_an_item_without_steps_of_its_own_appears_when_it_fails() -> None:
    loop = Workflow("flow", input=list[int]).foreach(fails(ValueError("no")))

    assert lines(await record(loop, [1])) == [
        "failed flow",
        "└─ failed fails 1/1 (ValueError: no)",
        "   └─ failed [0] (ValueError: no)",
    ]


# ---------------------------------------------------------------- retries and waits
class Flaky:
    """A step that fails some times."""

    def __init__(self, failures: int) -> None:
        self.left = failures

    async def __call__(self, value: int) -> int:
        if self.left:
            self.left -= 1
            raise OSError("down")
        await trio.sleep(1)
        return value


async def test_a_retry_says_what_happened_and_when_it_goes_on(autojump_clock: MockClock) -> None:
    flaky = step(id="flaky", retry=Retry(attempts=3, delay=5))(Flaky(1))
    recorded = await record(flow().then(flaky), 1)
    waiting = until(recorded, "step-retry")

    assert lines(waiting, later=1.0)[1] == (
        "└─ retrying flaky (attempt 2 next, 4.0s left, after OSError: down)"
    )
    assert lines(waiting, later=5.5)[1] == "└─ running flaky (attempt 2, after OSError: down)"
    assert lines(recorded)[1] == "└─ success flaky (2 attempts)"


async def test_the_next_attempt_at_a_nested_workflow_begins_anew(autojump_clock: MockClock) -> None:
    flaky = step(id="flaky")(Flaky(1))
    inner = Workflow("inner", input=int).then(add_one).then(flaky)
    outer = Workflow("flow", input=int, retry=Retry(attempts=2)).then(inner)
    recorded = await record(outer, 1)

    assert lines(until(recorded, "step-retry")) == [
        "running flow",
        "└─ running inner (attempt 2, after OSError: down)",
    ]
    assert lines(recorded) == [
        "success flow",
        "└─ success inner (2 attempts)",
        "   ├─ success add_one",
        "   └─ success flaky",
    ]


async def test_an_attempt_of_an_item_is_a_remark_about_the_loop(autojump_clock: MockClock) -> None:
    flaky = step(id="flaky", retry=Retry(attempts=2, delay=5))(Flaky(1))
    recorded = await record(Workflow("flow", input=list[int]).foreach(flaky), [1, 2])

    assert lines(until(recorded, "step-retry"))[1] == "└─ running flaky ([0] OSError: down)"


async def test_waits_say_what_for_and_how_long(autojump_clock: MockClock) -> None:
    waits = flow().sleep(3).wait_for_event("go", add_one, timeout=60)
    run = waits.create_run()
    run.send_event("go", 1)
    async with run.stream(1) as stream:
        recorded = [event async for event in stream]

    assert lines(until(recorded, "step-waiting"), later=1.0)[1] == (
        "└─ waiting sleep_flow_0 (sleeping, 2.0s left)"
    )
    assert lines(until(recorded, "step-waiting", 2))[2] == (
        "└─ waiting add_one (waiting for event 'go', 1m00s left)"
    )
    assert lines(until(recorded, "step-start"))[2] == "└─ running add_one"
    assert lines(recorded)[2] == "└─ success add_one"


async def test_a_step_that_waits_in_its_body_goes_on_when_it_says_so() -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> None:
        await ctx.wait_for("answer")
        await ctx.write("thanks")

    run = flow().then(asks).create_run()
    run.send_event("answer")
    async with run.stream(1) as stream:
        recorded = [event async for event in stream]

    assert (
        lines(until(recorded, "step-waiting"))[1] == "└─ waiting asks (waiting for event 'answer')"
    )
    assert lines(until(recorded, "step-output"))[1] == "└─ running asks (thanks)"


# ---------------------------------------------------------------- what steps and tools say
@tool
async def spell(word: str) -> Any:
    for letter in word:
        yield letter


@tool
async def listing(count: int) -> Any:
    for n in range(count):
        yield {"n": n}


async def test_a_chunk_is_the_latest_remark() -> None:
    @step
    async def writes(value: int, ctx: StepContext) -> None:
        await ctx.write({"progress": 0.5})
        await ctx.write("two\nlines")

    recorded = await record(flow().then(writes), 1)

    assert lines(until(recorded, "step-output"))[1] == '└─ running writes ({"progress": 0.5})'
    assert lines(until(recorded, "step-output", 2))[1] == "└─ running writes (two lines)"
    assert lines(recorded)[1] == "└─ success writes"


async def test_texts_of_a_tool_continue_each_other() -> None:
    recorded = await record(Workflow("flow", input=str).then(spell), "one\ntwo")

    assert lines(recorded) == [
        "success flow",
        "└─ success spell",
        '   └─ success spell ({"word": "one\\ntwo"}, 7 pieces)',
        "         one",
        "         two",
    ]


async def test_other_pieces_of_a_tool_get_a_line_each_and_the_last_ones_stay() -> None:
    recorded = await record(flow().then(listing), 9)

    assert lines(recorded)[3:] == [f'         {{"n": {n}}}' for n in (6, 7, 8)]


async def test_a_tool_that_fails_says_why() -> None:
    @tool
    async def broken() -> None:
        raise OSError("gone")

    assert lines(await record(flow().then(broken), 1))[2] == "   └─ failed broken (OSError: gone)"


async def test_of_many_tool_calls_the_last_ones_stay() -> None:
    @step
    async def calls(value: int, ctx: StepContext) -> None:
        for n in range(20):
            await ctx.call_tool(listing, count=n % 2)

    recorded = await record(flow().then(calls), 1)

    assert len(view_of(recorded).root.children["0"].tools) == KEPT_TOOLS


async def test_nothing_of_what_users_say_is_a_control_character() -> None:
    @tool
    async def evil() -> Any:
        yield "\x1b[2J\u202eevil"

    shown = lines(await record(flow().then(fails(ValueError("\x1b]0;x\x07"))), 1))
    shown += lines(await record(flow().then(evil), 1))

    assert all(char.isprintable() for line in shown for char in line)


# ---------------------------------------------------------------- staying small
async def test_of_many_steps_that_ended_well_the_last_ones_stay() -> None:
    long = flow()
    for n in range(KEPT + 20):
        long = long.then(add_one.clone(f"add-{n}"))
    recorded = await record(long, 1)

    assert len(view_of(recorded).root.children) == KEPT
    shown = lines(recorded)
    assert shown[1] == "├─ 20 done"
    assert shown[-1] == f"└─ success add-{KEPT + 19}"


async def test_what_ended_well_makes_room_for_what_runs() -> None:
    long = flow()
    for n in range(30):
        long = long.then(add_one.clone(f"add-{n}"))
    recorded = await record(long, 1)
    recorded = until(recorded, "step-start", 30)

    assert len(lines(recorded)) == 31
    assert lines(recorded, height=20) == [
        "running flow",
        "├─ 24 done",
        *(f"├─ success add-{n}" for n in range(24, 29)),
        "└─ running add-29",
    ]
    assert lines(recorded, height=4) == [
        "running flow",
        "├─ 28 done",
        "├─ success add-28",
        "└─ running add-29",
    ]
    assert lines(recorded, height=3) == ["running flow", "├─ 29 done", "└─ running add-29"]
    assert lines(recorded, height=2) == ["running flow", "… 2 more lines"]


# ---------------------------------------------------------------- going on
@step
async def asks(value: int, ctx: StepContext[Any]) -> int:
    if ctx.resume_data is None:
        ctx.suspend("why?")
    return value


async def parts(
    workflow: Workflow[Any, Any],
) -> tuple[Sequence[events.Event], Sequence[events.Event]]:
    """Return the events of a run up to its suspension, and those from its answer on."""
    run = workflow.create_run()
    async with run.stream(1) as stream:
        first = [event async for event in stream]
    async with run.resume_stream("so") as stream:
        return first, [event async for event in stream]


async def test_a_run_that_goes_on_keeps_what_it_has_shown() -> None:
    first, second = await parts(flow().then(flow("inner").then(add_one).then(asks)))

    assert lines(first) == [
        "suspended flow",
        "└─ suspended inner (why?)",
        "   ├─ success add_one",
        "   └─ suspended asks (why?)",
    ]
    assert lines([*first, *until(second, "step-start", 2)]) == [
        "running flow",
        "└─ running inner",
        "   ├─ success add_one",
        "   └─ running asks",
    ]
    assert lines([*first, *second])[0] == "success flow"


async def test_items_that_wait_for_an_answer_are_shown() -> None:
    first, second = await parts(flow().then(gives([1])).foreach(asks))

    assert "   └─ suspended [0] (why?)" in lines(first)
    assert not any("[0]" in line for line in lines([*first, *second]))


async def test_what_is_open_when_the_run_is_stopped_for_now_is_interrupted(
    autojump_clock: MockClock,
) -> None:
    workflow = flow().then(add_one).parallel(sleeps(9), add_one.clone("more"))
    recorded = until(await record(workflow, 1), "step-start", 2)
    view = view_of(recorded)

    view.interrupt(recorded[-1].at + 1)

    statuses = [row.status for row in rows(view.root, recorded[-1].at + 5)]
    assert statuses[:1] + statuses[2:] == ["interrupted"] * 2
    assert rows(view.root, recorded[-1].at + 5)[-1].seconds == 1


async def test_what_failed_or_waits_is_seen_however_low_the_terminal_is(
    autojump_clock: MockClock,
) -> None:
    waits = flow("waits").wait_for_event("go", add_one, timeout=90)
    arms = [sleeps(60, id=f"s{n}") for n in range(30)]
    broken = fails(ValueError("no"), id="broken")
    recorded = await record(flow().parallel(*arms, waits, broken, on_error="finish"), 1)
    recorded = [event for event in recorded if event.at < recorded[0].at + 59]

    shown = lines(recorded, height=6)

    assert shown[0] == "running flow"
    assert {line.strip("├─└│ ") for line in shown[1:5]} > {
        "failed broken (ValueError: no)",
        "running waits",
        "waiting add_one (waiting for event 'go', 1m30s left)",
    }
    assert shown[5] == "… 29 more lines"


async def test_arms_stand_in_the_order_of_the_workflow() -> None:
    names = ["zebra", "yak", "xerus", "wolf", "vole", "urial", "toad", "seal"]
    inner = flow("zoo").parallel(*(add_one.clone(name) for name in names))
    workflow = flow().then(add_one).then(inner)
    run = workflow.create_run()
    async with run.stream(1) as stream:
        recorded = [event async for event in stream]
    view = RunView(ArmOrder.read(fingerprint(run._life.plan)))
    for event in recorded:
        view.apply(event)

    shown = [row.label for row in rows(view.root, recorded[-1].at)]

    assert shown == ["flow", "add_one", "zoo", *names]


@pytest.mark.parametrize("text", ["", "[", "null", "{}", "[[]]", "[[1]]", '[["then", []]]'])
def test_an_order_that_cannot_be_read_is_none(text: str) -> None:
    assert ArmOrder.read(text).rank(Address.parse("0:a/1")) == (1, 0)


async def test_what_was_over_before_is_marked_so() -> None:
    recorded = await record(flow().then(add_one).then(gives(5)), 1)
    first, second = until(recorded, "step-finish"), recorded
    view = view_of(first)
    view.recall()
    for event in second[len(first) :]:
        view.apply(event)

    shown = rows(view.root, recorded[-1].at)

    assert [(row.label, row.is_recalled) for row in shown] == [
        ("flow", False),
        ("add_one", True),
        ("gives", False),
    ]
