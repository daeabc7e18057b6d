"""Agents survive: what was recorded is neither asked nor run again, wherever the process died."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock
from trioflow_agents import (
    Agent,
    Approved,
    Assistant,
    ModelError,
    ModelRequest,
    Prices,
    Refused,
    Scripted,
    ScriptedModel,
    Stop,
    ToolAnswer,
    Usage,
    approval,
    history,
    usage_of,
)
from trioflow_agents.approving import digest_of

from trioflow import Engine, Run, Workflow, open_engine, tool
from trioflow import events as ev
from trioflow.abc import Append
from trioflow.errors import InvalidValueError, JournalConflictError
from trioflow.stores import MemoryStore
from trioflow.wire import from_wire, to_wire

from .helping import asks

CALLS: Counter[str] = Counter()


@tool
async def first(v: int) -> int:
    CALLS["first"] += 1
    await trio.sleep(1)
    return v


@tool
async def second(v: int) -> int:
    CALLS["second"] += 1
    await trio.sleep(2)
    return v


@tool
async def pay(amount: int) -> str:
    CALLS["pay"] += 1
    await trio.sleep(1)
    return f"paid {amount}"


def replies(request: ModelRequest) -> Any:
    """Reply by what the model has said before, so that several processes share the script."""
    turn = sum(isinstance(message, Assistant) for message in request.messages)
    CALLS[f"turn {turn + 1}"] += 1
    if turn == 0:
        return Scripted("a", [asks("c1", "first", v=1), asks("c2", "second", v=2)], pause=1)
    if turn == 1:
        return Scripted("b", [asks("c3", "pay", amount=5)], pause=1)
    return Scripted("done", pause=1)


def make() -> Workflow[Any, Any]:
    """Return the agent as another process would define it."""
    tools = [first, second, approval(pay)]
    return Agent("ag", model=ScriptedModel(replies), tools=tools)


class Appends(MemoryStore):
    """A store that remembers what was appended, so that each moment can be had again."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Append] = []

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        self.made += appends
        return await super().append(appends)


async def store_as_of(appends: Sequence[Append]) -> MemoryStore:
    """Return a store as a process that died after these appends has left it."""
    store = MemoryStore()
    for append in appends:
        await store.append([evolve(append, owner=None, claim_seconds=0.0, requests=())])
    return store


@asynccontextmanager
async def engine_on(store: MemoryStore) -> AsyncIterator[Engine]:
    async with open_engine(
        plugins=["agents"], workflows=[make()], store=store, recover=True, claim_seconds=5.0
    ) as engine:
        yield engine


async def finish(engine: Engine, run: Run[Any, Any]) -> Any:
    """Approve what has to be approved, and return the result."""
    result = await run.wait()
    if result.status == "suspended":
        result = await run.resume(Approved(digest_of("pay", {"amount": 5})), label="pay:c3")
    return result


async def whole_run() -> tuple[list[Append], list[ev.Event]]:
    store = Appends()
    async with engine_on(store) as engine:
        run = engine.submit("ag", "go", run_id="r")
        result = await finish(engine, run)
        async with run.observe() as observer:
            events: list[ev.Event] = [event async for event in observer]
    assert result.output == "done"
    return store.made, events


def recorded(appends: Sequence[Append]) -> tuple[int, set[str]]:
    """Return how many turns and which tools' calls the journal holds as done."""
    entries = [json.loads(entry.text) for append in appends for entry in append.entries]
    keys = [
        key
        for entry in entries
        if entry[0] == ev.PrivateUpdate.type
        for key in entry[-1]["updates"]
    ]
    turns = [key for key in keys if key.rpartition("#")[2].isdigit() and not key.endswith("#0")]
    answers = {key.rpartition("#")[2] for key in keys if "." in key.rpartition("#")[2]}
    return len(turns), answers


async def test_a_run_that_dies_at_any_append_goes_on(autojump_clock: MockClock) -> None:
    CALLS.clear()
    appends, _ = await whole_run()
    assert CALLS == {"turn 1": 1, "turn 2": 1, "turn 3": 1, "first": 1, "second": 1, "pay": 1}
    names = {"1.0": "first", "1.1": "second", "2.0": "pay"}

    for number in range(1, len(appends)):
        CALLS.clear()
        turns, answers = recorded(appends[:number])
        store = await store_as_of(appends[:number])
        async with engine_on(store) as engine:
            run = await engine.load_run("r")
            if run.record.status not in ev.FINISHED_STATUSES:
                assert (await finish(engine, run)).output == "done"
            assert [m for m in history(run) if isinstance(m, ToolAnswer)] == [
                ToolAnswer("c1", "first", "1"),
                ToolAnswer("c2", "second", "2"),
                ToolAnswer("c3", "pay", "paid 5"),
            ]
            assert usage_of(run).requests == 3
        for turn in (1, 2, 3):
            assert CALLS[f"turn {turn}"] == (turn > turns), (number, turn)
        for key, name in names.items():
            assert CALLS[name] == (key not in answers), (number, name)


# ---------------------------------------------------------------- approvals
@tool
async def transfer(to: str, amount: int) -> str:
    CALLS[f"transfer {to}"] += 1
    return f"{amount} to {to}"


def transfers(request: ModelRequest) -> Any:
    CALLS["asked"] += 1
    if len(request.messages) > 1:
        return "done"
    calls = [
        asks("c1", "transfer", to="Ada", amount=1),
        asks("c2", "transfer", to="Bob", amount=2),
        asks("c3", "first", v=3),
    ]
    return Scripted(calls=calls)


def payer(**options: Any) -> Workflow[Any, Any]:
    tools = [first, approval(transfer, **options)]
    return Agent("ag", model=ScriptedModel(transfers), tools=tools)


ADA, BOB = {"to": "Ada", "amount": 1}, {"to": "Bob", "amount": 2}


@pytest.mark.parametrize("order", [("c1", "c2"), ("c2", "c1")])
async def test_approvals_come_in_any_order_in_other_processes(
    order: tuple[str, str], autojump_clock: MockClock
) -> None:
    CALLS.clear()
    store, arguments = MemoryStore(), {"c1": ADA, "c2": BOB}
    async with open_engine(plugins=["agents"], workflows=[payer()], store=store) as engine:
        result = await engine.submit("ag", "go", run_id="r").wait()
        assert set(result.resume_labels) == {"transfer:c1", "transfer:c2"}
        assert CALLS == {"asked": 1, "first": 1}
    for id in order:
        async with open_engine(plugins=["agents"], workflows=[payer()], store=store) as engine:
            run = await engine.load_run("r")
            decision = Approved(digest_of("transfer", arguments[id]))
            result = await run.resume(decision, label=f"transfer:{id}")

    assert result.output == "done"
    assert CALLS == {"asked": 2, "first": 1, "transfer Ada": 1, "transfer Bob": 1}


async def answered(decision: Any, other: Any = None, **options: Any) -> tuple[Any, Any]:
    CALLS.clear()
    async with open_engine(
        plugins=["agents"], workflows=[payer(**options)], store="memory:"
    ) as engine:
        run = engine.submit("ag", "go")
        await run.wait()
        await run.resume(decision, label="transfer:c1")
        if other is not None:
            await run.resume(other, label="transfer:c2")
        return await run.wait(), run


async def test_a_refusal_is_told_to_the_model(autojump_clock: MockClock) -> None:
    result, run = await answered(Refused("too much"), {"reason": "no"})

    assert result.output == "done"
    assert history(run)[2:4] == (
        ToolAnswer(
            "c1", "transfer", "the call of tool 'transfer' was refused: too much", is_error=True
        ),
        ToolAnswer("c2", "transfer", "the call of tool 'transfer' was refused: no", is_error=True),
    )
    assert CALLS["transfer Ada"] == CALLS["transfer Bob"] == 0


async def test_other_arguments_can_be_approved(autojump_clock: MockClock) -> None:
    less = Approved(digest_of("transfer", ADA), {"to": "Ada", "amount": 0})
    run = (await answered(less, Refused("no")))[1]

    assert history(run)[2] == ToolAnswer("c1", "transfer", "0 to Ada")


async def test_the_digest_of_another_call_is_no_approval(autojump_clock: MockClock) -> None:
    with pytest.raises(InvalidValueError, match="digest"):
        await answered(Approved(digest_of("transfer", BOB)))

    assert CALLS["transfer Ada"] == CALLS["transfer Bob"] == 0


async def test_only_some_calls_need_approval(autojump_clock: MockClock) -> None:
    result, _ = await answered(
        Approved(digest_of("transfer", BOB)),
        when=lambda arguments: arguments["amount"] > 1,
        label=lambda arguments: "transfer:c1",
    )

    assert result.output == "done"
    assert CALLS["transfer Ada"] == CALLS["transfer Bob"] == 1


async def test_an_approval_that_does_not_come_is_reported(autojump_clock: MockClock) -> None:
    CALLS.clear()
    async with open_engine(
        plugins=["agents"], workflows=[payer(timeout=60.0)], store="memory:", recover=True
    ) as engine:
        run = engine.submit("ag", "go")
        await run.wait()
        await trio.sleep(100)
        await run.wait()

    answers = [m for m in history(run) if isinstance(m, ToolAnswer)]
    assert [answer.is_error for answer in answers] == [True, True, False]
    assert "AskTimeoutError" in answers[0].content


@pytest.mark.parametrize("answers_first", [True, False])
async def test_one_approval_comes_and_the_other_does_not(
    answers_first: bool, autojump_clock: MockClock
) -> None:
    CALLS.clear()
    store, options = MemoryStore(), {"timeout": 60.0}
    yes = Approved(digest_of("transfer", BOB))
    async with open_engine(plugins=["agents"], workflows=[payer(**options)], store=store) as engine:
        await engine.submit("ag", "go", run_id="r").wait()
    if answers_first:
        async with open_engine(
            plugins=["agents"], workflows=[payer(**options)], store=store
        ) as engine:
            await (await engine.load_run("r")).resume(yes, label="transfer:c2")
    await trio.sleep(100)
    async with open_engine(
        plugins=["agents"], workflows=[payer(**options)], store=store, recover=True
    ) as engine:
        run = await engine.load_run("r")
        await trio.sleep(10)
        result = await run.wait()

    assert result.output == "done"
    answers = [m for m in history(run) if isinstance(m, ToolAnswer)]
    assert [answer.is_error for answer in answers] == [True, not answers_first, False]
    assert "AskTimeoutError" in answers[0].content
    assert CALLS["asked"] == 2
    assert CALLS["transfer Bob"] == answers_first


async def test_of_two_approvals_at_once_exactly_one_goes_through(
    autojump_clock: MockClock,
) -> None:
    CALLS.clear()
    outcomes: list[Any] = []

    async def approve(run: Run[Any, Any], decision: Any) -> None:
        try:
            outcomes.append((await run.resume(decision, label="transfer:c1")).status)
        except Exception as exc:
            outcomes.append(type(exc).__name__)

    async with open_engine(plugins=["agents"], workflows=[payer()], store="memory:") as engine:
        run = engine.submit("ag", "go")
        await run.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(approve, run, Approved(digest_of("transfer", ADA)))
            nursery.start_soon(approve, run, Refused("no"))
        assert run.record.status == "suspended"  # at the other call
        answers = [m for m in history(run) if isinstance(m, ToolAnswer)]

    assert outcomes.count("suspended") == 1, outcomes
    assert len(outcomes) == 2
    assert CALLS["transfer Ada"] == (not answers[0].is_error)


async def test_the_end_of_a_run_says_what_was_used() -> None:
    agent = Agent("ag", model=ScriptedModel(["done"], prices=Prices(2.0, 8.0)))
    async with open_engine(plugins=["agents"], store="memory:") as engine:
        run = engine.submit(agent, "go")
        await run.wait()
        async with run.observe() as observer:
            events: list[ev.Event] = [event async for event in observer]
    wire = to_wire(events[-1], "mastra-1")

    cost = (3 * 2.0 + 10 * 8.0) / 1_000_000
    counts = {"inputTokens": 3, "outputTokens": 10, "totalTokens": 13}
    assert wire["payload"]["output"]["usage"].items() >= {**counts, "cost": cost}.items()
    assert run.record.usage == {**counts, "requests": 1, "cost": cost}
    assert from_wire(wire) == events[-1]
    assert usage_of(run).cost == cost


def test_cached_tokens_have_a_price_of_their_own() -> None:
    used = Usage(1_000_000, 100_000, cached_tokens=400_000)

    assert Prices(2.0, 8.0).of(used).cost == pytest.approx(2.8)
    assert Prices(2.0, 8.0, cached=0.5).of(used).cost == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.8)
    assert (used + Prices(2.0, 8.0).of(used)).cost == pytest.approx(2.8)
    assert (used + used).cost is None


async def test_a_run_that_fails_says_what_was_used() -> None:
    model = ScriptedModel([asks("c1", "nothing"), ModelError("no", 400)])
    async with open_engine(plugins=["agents"]) as engine:
        run = engine.submit(Agent("ag", model=model), "go")
        assert (await run.wait()).status == "failed"
    assert (run.record.usage or {})["totalTokens"] == 13


# ---------------------------------------------------------------- the journal
async def size_after(turns: int) -> tuple[int, int]:
    """Return the size of the conversation and of its journal, in bytes."""

    @tool
    async def look(text: str) -> str:
        return text * 10

    def reply(request: ModelRequest) -> Any:
        said = sum(isinstance(message, Assistant) for message in request.messages)
        if said == turns - 1:
            return "x" * 700
        return Scripted("y" * 700, [asks(f"c{said}", "look", text="z" * 70)])

    store = Appends()
    agent = Agent("ag", model=ScriptedModel(reply), tools=[look], stop=Stop(turns))
    async with open_engine(plugins=["agents"], workflows=[agent], store=store) as engine:
        run = engine.submit("ag", "go")
        await run.wait()
    told = sum(len(str(message)) for message in history(run))
    return told, sum(len(entry.text) for append in store.made for entry in append.entries)


async def test_the_journal_grows_with_the_conversation_and_not_with_its_square() -> None:
    sizes = [await size_after(turns) for turns in (5, 10, 20, 40)]

    ratios = [journal / told for told, journal in sizes]
    assert max(ratios) < 8, (sizes, ratios)
    assert ratios[-1] <= ratios[0] * 1.05, (sizes, ratios)


async def test_a_fork_at_a_turn_asks_anew(autojump_clock: MockClock) -> None:
    CALLS.clear()
    model = ScriptedModel(["one", "two"])
    async with open_engine(plugins=["agents"], store="memory:") as engine:
        run = engine.submit(Agent("ag", model=model), "go")
        await run.wait()
        forked = await run.fork("turn")
        result = await forked.start()

    assert result.output == "two"
    assert history(forked)[-1] == Assistant("two")
    assert history(run)[-1] == Assistant("one")
