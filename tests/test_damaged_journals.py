"""Journals that were damaged: one typed error says where, and other runs never notice."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.flows import add_one, record_run
from tests.suspending import Calls
from trioflow import Workflow, events, fold, open_engine, step
from trioflow._engine.journal.codec import decode
from trioflow.abc import Append, Entry, RunHeader, Store
from trioflow.errors import JournalFormatError, UnknownRunError
from trioflow.record import RunRecord
from trioflow.stores import MemoryStore
from trioflow.wire import from_wire, to_wire

ASKS = Calls().asks()


def flow() -> Workflow[Any, Any]:
    inner = Workflow("inner", input=int, output=int).then(add_one)
    return Workflow("w", input=int, output=Any).then(add_one).then(inner).then(ASKS)


@attrs.frozen
class Journal:
    """What a store keeps of one run."""

    header: RunHeader
    entries: tuple[Entry, ...]

    def with_text(self, seq: int, change: Callable[[str], str]) -> Journal:
        """Return it with another string as the entry of that number."""
        entries = list(self.entries)
        entries[seq] = attrs.evolve(entries[seq], text=change(entries[seq].text))
        return attrs.evolve(self, entries=tuple(entries))

    def without(self, seq: int) -> Journal:
        return attrs.evolve(self, entries=self.entries[:seq] + self.entries[seq + 1 :])

    def with_header(self, **changes: Any) -> Journal:
        return attrs.evolve(self, header=attrs.evolve(self.header, **changes))

    async def put(self, place: Place, status: events.RunStatus = "suspended") -> None:
        append = Append(
            run_id=self.header.run_id,
            entries=self.entries,
            after=-1,
            status=status,
            header=self.header,
        )
        async with place() as store:
            assert await store.append([append]) == [None]


def exchanged(journal: Journal) -> Journal:
    one, other = journal.entries[1].text, journal.entries[3].text
    return journal.with_text(1, lambda _: other).with_text(3, lambda _: one)


OF_RUN_S = (
    '{"type":"step-result","payload":{"id":"add_one","address":"0","status":"success","output":2},'
    '"runId":"s","seq":2,"at":0.0}'
)
Damage = Callable[[Journal], Journal]
DAMAGES: dict[str, tuple[Damage, int | None, str]] = {
    "a string that is cut off": (
        lambda journal: journal.with_text(1, lambda text: text[:20]),
        *(1, "it is not JSON"),
    ),
    "no string at all": (lambda journal: journal.with_text(2, lambda _: ""), 2, "it is not JSON"),
    "a type that nobody knows": (
        lambda journal: journal.with_text(1, lambda t: t.replace("step-start", "step-new")),
        *(1, "there is no event type 'step-new'"),
    ),
    "a value nested too deeply": (
        lambda journal: journal.with_text(
            0, lambda t: t.replace('"input":1', '"input":' + "[" * 600 + "]" * 600)
        ),
        *(0, "is nested more than 128 levels deep"),
    ),
    "all entries are gone": (
        lambda journal: attrs.evolve(journal, entries=()),
        *(0, "there is no such entry"),
    ),
    "the start is gone": (
        lambda journal: journal.without(0),
        *(1, "the first event is 'step-start' instead of 'start'"),
    ),
    "the start of a step is gone": (
        lambda journal: journal.without(1),
        *(2, "'step-result' does not follow from the events before it"),
    ),
    "two entries have changed places": (exchanged, 1, "it holds event 3 of run r"),
    "an object of the first format, of another run": (
        lambda journal: journal.with_text(2, lambda _: OF_RUN_S),
        *(2, "it holds event 2 of run s"),
    ),
    "no list of an event": (
        lambda journal: journal.with_text(2, lambda _: '["step-result",2,"add_one"]'),
        *(2, "it is not a step-result with seq, id, address and an object"),
    ),
    "a list that is too long": (
        lambda journal: journal.with_text(2, lambda t: t[:-1] + ",{},{}]"),
        *(2, "it is not a step-result with seq, id, address and an object"),
    ),
    "an attribute that is missing": (
        lambda journal: journal.with_text(0, lambda _: '["start",0,{}]'),
        *(0, "start lacks 'workflow_id'"),
    ),
    "it starts twice": (
        lambda journal: journal.with_text(
            2, lambda _: journal.entries[0].text.replace('"start",0', '"start",2')
        ),
        *(2, "the run starts a second time"),
    ),
    "a fingerprint that is no JSON": (
        lambda journal: journal.with_header(fingerprint="{"),
        *(None, "its fingerprint is not JSON"),
    ),
    "a fingerprint that is no shape": (
        lambda journal: journal.with_header(fingerprint="null"),
        *(None, "its fingerprint is not the shape of a workflow"),
    ),
    "a fingerprint of other parts": (
        lambda journal: journal.with_header(fingerprint='[["then",["add_one",[["x"]]]]]'),
        *(None, "its fingerprint is not the shape of a workflow"),
    ),
    "a fingerprint without end": (
        lambda journal: journal.with_header(fingerprint="[" * 100_000),
        *(None, "its fingerprint is not JSON"),
    ),
    "a format that is no number": (
        lambda journal: journal.with_header(format="x"),
        *(None, "'x' is not a journal format"),
    ),
    "a format before the first": (
        lambda journal: journal.with_header(format=0),
        *(None, "0 is not a journal format"),
    ),
    "a later format": (
        lambda journal: journal.with_header(format=7),
        *(None, "it has format 7; this trioflow reads formats up to 2, upgrade it"),
    ),
}
each_damage = pytest.mark.parametrize(("damage", "seq", "problem"), DAMAGES.values(), ids=DAMAGES)


Place = Callable[[], Store]
"""Returns a store on the same storage each time."""


@pytest.fixture(params=["memory", pytest.param("sqlite", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "memory":
        shared = MemoryStore()
        return lambda: shared
    sql = pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")
    return lambda: sql.SqlStore(f"sqlite:{tmp_path / 'runs.db'}")


def engine_on(store: Store, **options: Any) -> Any:
    return open_engine(plugins=[], store=store, workflows=[flow()], **options)


async def situation(place: Place) -> tuple[str, str | None]:
    """Return status and owner of the damaged run."""
    async with place() as store:
        stored = await store.get("r")
    assert stored is not None
    return stored.status, stored.owner


async def good() -> Journal:
    """Return the journal of a run that waits for an answer."""
    store = MemoryStore()
    async with engine_on(store) as engine:
        await engine.submit("w", 1, run_id="r").wait()
    stored = await store.get("r")
    assert stored is not None
    assert stored.status == "suspended"
    return Journal(stored.header, tuple(await store.read("r")))


# ---------------------------------------------------------------- engines
@each_damage
async def test_it_is_one_typed_error_that_names_run_and_entry(
    damage: Damage, seq: int | None, problem: str, place: Place
) -> None:
    await damage(await good()).put(place)

    async with engine_on(place()) as engine:
        with pytest.raises(JournalFormatError) as caught:
            await engine.load_run("r")

    error = caught.value
    assert (error.run_id, error.seq) == ("r", seq)
    assert problem in error.problem
    assert isinstance(error, ValueError)


@each_damage
async def test_the_run_can_be_canceled_and_deleted(
    damage: Damage, seq: int | None, problem: str, place: Place
) -> None:
    await damage(await good()).put(place)

    async with engine_on(place()) as engine:
        await engine.cancel_run("r", "damaged")
    assert await situation(place) == ("canceled", None)
    async with place() as store:
        assert await store.delete("r")


@each_damage
async def test_the_others_are_recovered(
    damage: Damage, seq: int | None, problem: str, place: Place
) -> None:
    journal = await good()
    for run_id in ("before", "r", "behind"):
        one = Journal(attrs.evolve(journal.header, run_id=run_id), journal.entries[:2])
        await (damage(journal) if run_id == "r" else one).put(place, "running")

    async with engine_on(place(), recover=True) as engine:
        for run_id in ("before", "behind"):
            assert (await engine.get_run(run_id).wait()).status == "suspended"
        with pytest.raises(UnknownRunError):
            engine.get_run("r")
    assert await situation(place) == ("running", None)


async def test_an_observer_is_given_what_is_before_the_damage(place: Place) -> None:
    journal = (await good()).with_text(3, lambda text: text[:-1])
    await journal.put(place)
    seen: list[events.Event] = []

    async with engine_on(place()) as engine:
        with pytest.raises(JournalFormatError, match="run r cannot be read at entry 3: it is not"):
            async with engine.observe("r") as observed:
                async for event in observed:
                    seen.append(event)

    assert seen == decode("r", journal.entries[:3])


# ---------------------------------------------------------------- the fold
@step
async def fails(value: int) -> int:
    raise ExceptionGroup("two", [OSError("a"), ValueError("b")])


def add_up(values: Any) -> Any:
    return sum(values)


def rich_flow() -> Workflow[Any, Any]:
    """Return a workflow whose events are of many types."""
    one = Workflow("one", input=int, output=int).then(add_one.clone("first")).sleep(1)
    rich: Workflow[Any, Any] = Workflow("rich", input=Any, output=Any)
    return (
        rich.parallel(one, add_one.clone("second"))
        .map(lambda outputs: [1, 2, 3])
        .foreach(add_one.clone("item"), concurrency=2)
        .map(add_up)
        .dowhile(add_one.clone("again"), lambda value: value < 12)
        .then(Calls().asks())
        .map(lambda answer: 1)
        .then(fails)
    )


def recorded() -> list[events.Event]:
    async def run() -> list[events.Event]:
        run = rich_flow().create_run()
        found = await record_run(run, 1)
        async with run.resume_stream("an answer") as stream:
            found += [event async for event in stream]
        return [from_wire(to_wire(event)) for event in found]

    return trio.run(run, clock=MockClock(autojump_threshold=0))


RECORDED = recorded()
assert {"resume", "suspended", "step-progress", "step-waiting"} < {e.type for e in RECORDED}


@given(chance=st.randoms(use_true_random=False))
def test_a_journal_with_a_hole_is_folded_or_refused(chance: random.Random) -> None:
    spoiled = list(RECORDED)
    one, other = chance.sample(range(len(spoiled)), 2)
    match chance.choice(["gone", "exchanged", "renumbered"]):
        case "gone":
            del spoiled[one]
        case "exchanged":
            spoiled[one], spoiled[other] = spoiled[other], spoiled[one]
        case "renumbered":  # at another's place, as if it belonged there
            first, second = spoiled[one], spoiled[other]
            spoiled[one] = attrs.evolve(second, seq=first.seq)
            spoiled[other] = attrs.evolve(first, seq=second.seq)
    try:
        fold(spoiled)
    except JournalFormatError as exc:
        assert exc.run_id == RECORDED[0].run_id
        assert exc.seq in [event.seq for event in spoiled]


def test_the_events_before_the_damage_count() -> None:
    state = RunRecord()

    with pytest.raises(JournalFormatError) as caught:
        state.apply_all([*RECORDED[:5], RECORDED[3], *RECORDED[5:]])

    assert caught.value.problem == "it comes after entry 4"
    assert state == fold(RECORDED[:5])


def test_no_events_are_a_run_that_has_not_begun() -> None:
    assert fold([]) == RunRecord()


def test_what_a_reducer_raised_is_the_cause() -> None:
    with pytest.raises(JournalFormatError) as caught:
        fold([RECORDED[0], *(e for e in RECORDED if isinstance(e, events.StepFinish))])

    assert isinstance(caught.value.__cause__, KeyError)
