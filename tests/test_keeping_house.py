"""Lists of runs, and what is done to many of them: in memory, and with stores."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows import add_one, sleeps
from tests.suspending import Calls
from trioflow import BulkResult, Engine, RunInfo, Workflow, open_engine, step
from trioflow._engine.journal.headers import MAX_LISTED_INPUT
from trioflow.abc import Store
from trioflow.context import MISSING
from trioflow.errors import (
    RunClaimedError,
    RunStateError,
    StoreError,
    UnknownRunError,
)
from trioflow.run_info import Moment, seconds_of
from trioflow.stores import MemoryStore

Place = Callable[[], Store | None]
"""Returns a store on the same storage each time; None for an engine without a store."""


@frozen
class City:
    name: str


ADDS = Workflow("adds", input=int, output=int).then(add_one)
ASKS = Workflow("asks", input=Any, output=Any).then(Calls().asks())
SLOW = Workflow("slow", input=int, output=Any).then(sleeps(600))
NAIVE = datetime.now(UTC).replace(tzinfo=None)
GREETS = Workflow("greets", input=City, output=City)


@pytest.fixture(params=["nowhere", "memory", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "nowhere":
        return lambda: None
    return _kept(request.param, tmp_path)


@pytest.fixture(params=["memory", "sqlite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return _kept(request.param, tmp_path)


def _kept(kind: str, folder: Path) -> Place:
    if kind == "memory":
        shared = MemoryStore()
        return lambda: shared
    sql = pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")
    return lambda: sql.SqlStore(f"sqlite:{folder / 'runs.db'}")


@asynccontextmanager
async def engine_on(
    store: Store | None, *more: Workflow[Any, Any], **options: Any
) -> AsyncGenerator[Engine, None]:
    flows: list[Workflow[Any, Any]] = [ADDS, ASKS, SLOW, GREETS, *more]
    with trio.fail_after(60):
        async with open_engine(plugins=[], store=store, workflows=flows, **options) as engine:
            yield engine


async def fill(engine: Engine) -> None:
    """Let a run of each kind come to where it ends or waits."""
    for resource in ("ann", "bob"):
        tags = [resource, "some"]
        run = engine.submit("adds", 1, run_id=f"adds {resource}", resource_id=resource, tags=tags)
        await run.wait()
        run = engine.submit("asks", {"n": 2}, run_id=f"asks {resource}", resource_id=resource)
        await run.wait()


def ids(runs: Any) -> list[str]:
    return [run.run_id for run in runs]


# ---------------------------------------------------------------- lists
class TestLists:
    async def test_the_newest_comes_first(self, place: Place) -> None:
        began = time.time()
        async with engine_on(place()) as engine:
            await fill(engine)
            created = engine.create_run("adds", run_id="created", tags=["later"])
            runs = await engine.list_runs()

        assert ids(runs) == ["created", "asks bob", "adds bob", "asks ann", "adds ann"]
        pending, asks, adds, *_ = runs
        assert created.status == pending.status == "pending"
        assert (pending.input, pending.tags, pending.owner) == (MISSING, ("later",), None)
        assert (asks.status, asks.workflow_id, asks.resource_id) == ("suspended", "asks", "bob")
        assert (adds.status, adds.tags, adds.input) == ("success", ("bob", "some"), 1)
        assert asks.input == {"n": 2}
        assert (asks.held_for, adds.held_for) == (0, 0)
        assert began <= adds.created_at <= adds.updated_at <= asks.updated_at <= time.time() + 1

    async def test_only_those_are_listed_and_counted_to_which_everything_applies(
        self, place: Place
    ) -> None:
        async with engine_on(place()) as engine:
            before = time.time()
            await fill(engine)
            after = time.time()
            created = engine.create_run("adds", run_id="created", resource_id="cay", tags=["some"])
            expected: list[tuple[dict[str, Any], list[str]]] = [
                ({"status": "suspended"}, ["asks bob", "asks ann"]),
                ({"status": ["pending", "success"]}, ["created", "adds bob", "adds ann"]),
                ({"status": []}, []),
                ({"workflow": "asks"}, ["asks bob", "asks ann"]),
                ({"resource_id": "ann"}, ["asks ann", "adds ann"]),
                ({"tags": ["some"]}, ["created", "adds bob", "adds ann"]),
                ({"tags": {"some", "ann"}}, ["adds ann"]),
                ({"tags": ["so"]}, []),
                ({"since": before, "workflow": "asks"}, ["asks bob", "asks ann"]),
                ({"before": before}, []),
                ({"before": datetime.fromtimestamp(after, UTC), "resource_id": "cay"}, []),
                ({"since": timedelta(hours=1), "resource_id": "cay"}, ["created"]),
                ({"since": timedelta(hours=-1)}, []),
                ({"resource_id": "ann", "workflow": "adds", "status": "failed"}, []),
            ]
            for filters, found in expected:
                assert ids(await engine.list_runs(**filters)) == found, filters
                assert await engine.count_runs(**filters) == len(found), filters
            assert created.status == "pending"

    @pytest.mark.parametrize("size", [1, 2, 3, 10])
    async def test_pages_give_each_run_once(self, place: Place, size: int) -> None:
        async with engine_on(place()) as engine:
            await fill(engine)
            kept = [engine.create_run("adds", run_id=f"kept {number}") for number in range(3)]
            everything = ids(await engine.list_runs(limit=None))
            by_cursor: list[str] = []
            cursor = None
            while page := await engine.list_runs(limit=size, cursor=cursor):
                assert len(page) <= size
                by_cursor += ids(page)
                cursor = page[-1].cursor
            by_offset: list[str] = []
            while page := await engine.list_runs(limit=size, offset=len(by_offset)):
                by_offset += ids(page)

        assert by_cursor == by_offset == everything
        assert len(set(everything)) == 4 + len(kept)

    async def test_a_page_has_a_hundred_unless_more_is_asked_for(self) -> None:
        async with engine_on(None) as engine:
            runs = [engine.create_run("adds") for _ in range(120)]
            assert len(await engine.list_runs()) == 100
            assert len(await engine.list_runs(limit=None)) == len(runs)
            assert len(await engine.list_runs(limit=0)) == 0
            assert len(await engine.list_runs(offset=115)) == 5

    async def test_no_journal_is_read(self) -> None:
        class Closed(MemoryStore):
            async def read(self, *args: Any, **options: Any) -> Any:
                raise AssertionError("it was read")

        async with engine_on(Closed()) as engine:
            await fill(engine)
            assert len(await engine.list_runs(limit=20)) == 4
            assert await engine.count_runs() == 4

    async def test_a_long_input_is_left_out(self, kept: Place) -> None:
        limit = MAX_LISTED_INPUT - 2  # of its JSON, which has quotes
        async with engine_on(kept()) as engine:
            for length in (limit, limit + 1, 100_000):
                await engine.submit("asks", "x" * length, run_id=str(length)).wait()
            inputs = {run.run_id: run.input for run in await engine.list_runs()}

        assert inputs[str(limit)] == "x" * limit
        assert inputs[str(limit + 1)] is MISSING
        assert inputs["100000"] is MISSING

    async def test_an_input_is_plain_json_once_it_is_stored(self, kept: Place) -> None:
        async with engine_on(kept()) as engine:
            await engine.submit("greets", City("Oslo"), run_id="r").wait()
            await engine.submit("asks", None, run_id="none").wait()
            none, run = await engine.list_runs()

        assert run.input == {"name": "Oslo"}
        assert none.input is None

    async def test_what_is_not_written_yet_is_listed_once(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        async with engine_on(store, durability="exit") as engine:
            await engine.submit("asks", 0, run_id="old").wait()
            run = engine.submit("slow", 1, run_id="new", tags=["t"])
            await wait_all_tasks_blocked()
            assert await store.count_runs() == 1
            new, old = await engine.list_runs()
            assert (new.run_id, new.status, new.input, new.tags) == ("new", "running", 1, ("t",))
            assert new.owner is not None
            assert await engine.count_runs() == 2
            assert ids(await engine.list_runs(cursor=new.cursor)) == ["old"]
            assert await engine.list_runs(cursor=old.cursor) == ()
            run.cancel()
            await run.wait()
            assert ids(await engine.list_runs()) == ["new", "old"]

    async def test_a_run_that_another_engine_drives_says_by_whom_and_for_how_long(
        self, kept: Place
    ) -> None:
        async with engine_on(kept()) as one, engine_on(kept()) as other:
            run = await one.start_once("slow", 1, run_id="r")
            assert run is not None
            [listed] = await other.list_runs()
            assert listed.status == "running"
            assert listed.owner is not None
            assert 25 < listed.held_for <= 30
            run.cancel()

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            (
                {"status": "succes"},
                "'succes' is not a status of a run; use one of pending, running",
            ),
            ({"status": ["success", "x"]}, "'x' is not a status"),
            ({"tags": "some"}, r"tags='some' is one string; use a collection, such as \['some'\]"),
            ({"since": NAIVE}, "has no time zone"),
            ({"before": "yesterday"}, "'yesterday' is not a point in time"),
            ({"before": True}, "True is not a point in time"),
            ({"since": float("nan")}, "nan is not a point in time"),
            ({"limit": -1}, "limit must be >= 0, not -1"),
            ({"offset": -1}, "offset must be >= 0, not -1"),
            ({"cursor": "x"}, "'x' is not a cursor"),
        ],
    )
    async def test_what_cannot_be_meant_is_refused(
        self, place: Place, options: Any, problem: str
    ) -> None:
        async with engine_on(place()) as engine:
            with pytest.raises(ValueError, match=problem):
                await engine.list_runs(**options)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (datetime(1970, 1, 2, tzinfo=UTC), 86_400),
        (timedelta(minutes=1), 940),
        (12, 12),
        (1.5, 1.5),
    ],
)
def test_a_moment_is_a_time_or_how_long_ago(moment: Moment, seconds: float) -> None:
    assert seconds_of(moment, now=1000) == seconds


# ---------------------------------------------------------------- deleting
class TestDelete:
    async def test_a_deleted_run_is_gone_and_its_id_is_free(self, place: Place) -> None:
        async with engine_on(place()) as engine:
            await fill(engine)
            for run_id in ("adds ann", "asks ann"):
                await engine.delete_run(run_id)
                with pytest.raises(UnknownRunError):
                    await engine.load_run(run_id)
                with pytest.raises(UnknownRunError):
                    await engine.delete_run(run_id)
            assert ids(await engine.list_runs()) == ["asks bob", "adds bob"]
            again = engine.submit("adds", 5, run_id="adds ann")
            assert (await again.wait()).output == 6

    async def test_a_run_that_has_not_started_is_deleted(self, place: Place) -> None:
        async with engine_on(place()) as engine:
            run = engine.create_run("adds", run_id="r")
            await engine.delete_run("r")
            assert await engine.count_runs() == 0
            assert run.status == "pending"

    async def test_a_run_that_is_running_is_not_deleted(self, place: Place) -> None:
        async with engine_on(place()) as engine:
            run = engine.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
            with pytest.raises(RunStateError, match="it is running here; cancel it"):
                await engine.delete_run("r")
            run.cancel()
            await run.wait()
            await engine.delete_run("r")
            assert await engine.count_runs() == 0

    async def test_nor_one_that_is_running_elsewhere(self, kept: Place) -> None:
        async with engine_on(kept()) as one, engine_on(kept()) as other:
            await one.start_once("slow", 1, run_id="r")
            with pytest.raises(RunClaimedError, match=r"its claim holds for (29|30)\.\d s"):
                await other.delete_run("r")
            assert await other.count_runs() == 1

    async def test_a_run_that_nobody_drives_is_deleted(self, kept: Place) -> None:
        async with engine_on(kept()) as engine:
            await engine.start_once("slow", 1, run_id="r")
        async with engine_on(kept()) as engine:
            await engine.delete_run("r")
            assert await engine.count_runs() == 0

    async def test_a_store_that_fails_gives_the_claim_back(self) -> None:
        class Fails(MemoryStore):
            async def delete(self, run_id: str) -> bool:
                raise StoreError("fails", "it fails")

        store = Fails()
        async with engine_on(store) as engine:
            await engine.submit("asks", 1, run_id="r").wait()
            with pytest.raises(StoreError, match="it fails"):
                await engine.delete_run("r")
            stored = await store.get("r")
            assert stored is not None
            assert stored.held_for == 0


class TestBulk:
    async def test_all_of_a_resource_is_deleted(self, place: Place) -> None:
        async with engine_on(place()) as engine:
            await fill(engine)
            engine.create_run("adds", resource_id="ann")
            result = await engine.delete_runs(resource_id="ann")
            assert set(result.done) >= {"adds ann", "asks ann"}
            assert result.refused == {}
            assert ids(await engine.list_runs()) == ["asks bob", "adds bob"]
            assert await engine.delete_runs(resource_id="ann") == BulkResult((), {})

    async def test_what_is_running_is_named_and_the_others_are_deleted(self, place: Place) -> None:
        async with engine_on(place()) as engine:
            await fill(engine)
            engine.submit("slow", 1, run_id="busy", resource_id="ann")
            await wait_all_tasks_blocked()
            result = await engine.delete_runs(resource_id="ann")
            assert result.done == ("asks ann", "adds ann")
            assert [*result.refused] == ["busy"]
            assert isinstance(result.refused["busy"], RunStateError)

    async def test_very_many_are_deleted(self) -> None:
        async with engine_on(MemoryStore()) as engine:
            runs = [engine.submit("adds", 1) for _ in range(450)]
            for run in runs:
                await run.wait()
            result = await engine.delete_runs(workflow="adds", status="success")
            assert len(result.done) == 450
            assert await engine.count_runs() == 0

    async def test_runs_that_are_unfinished_are_canceled(self, place: Place) -> None:
        async with engine_on(place()) as engine:
            await fill(engine)
            busy = engine.submit("slow", 1, run_id="busy", resource_id="ann")
            await wait_all_tasks_blocked()
            result = await engine.cancel_runs(reason="moved", by="eve", resource_id="ann")
            assert result == BulkResult(("busy", "asks ann"), {})
            ended = await busy.wait()
            assert (ended.status, ended.reason) == ("canceled", "moved")
            assert ids(await engine.list_runs(status="canceled")) == ["busy", "asks ann"]
            assert ids(await engine.list_runs(status="suspended")) == ["asks bob"]
            assert await engine.cancel_runs(resource_id="ann") == BulkResult((), {})
            assert await engine.cancel_runs(status="success") == BulkResult((), {})

    async def test_what_failed_or_was_canceled_is_retried(self, place: Place) -> None:
        made: list[int] = []

        @step
        async def fails_once(value: int) -> int:
            made.append(value)
            if made.count(value) == 1:
                raise OSError(f"{value} is busy")
            return value

        flow = Workflow("often", input=int).then(fails_once)
        async with engine_on(place(), flow) as engine:
            await fill(engine)
            for number in (1, 2):
                run = engine.submit("often", number, run_id=f"r{number}", resource_id="ann")
                assert (await run.wait()).status == "failed"
            await engine.cancel_run("asks ann")

            result = await engine.retry_runs(by="eve", resource_id="ann")

            assert result == BulkResult(("r2", "r1", "asks ann"), {})
            for number in (1, 2):
                assert (await engine.get_run(f"r{number}~retry").wait()).output == number
            assert (await engine.get_run("asks ann~retry").wait()).status == "suspended"
            assert sorted(made) == [1, 1, 2, 2]

    async def test_what_was_retried_is_not_retried_again(self) -> None:
        async with engine_on(MemoryStore()) as engine:
            await fill(engine)
            await engine.cancel_run("asks ann")
            for _ in range(2):
                assert (await engine.retry_runs(status="canceled")).done == ("asks ann",)
                await engine.get_run("asks ann~retry").wait()
            assert await engine.count_runs(status="suspended") == 2
            assert (await engine.retry_runs(status="success")) == BulkResult((), {})

    @pytest.mark.parametrize("filters", [{}, {"resource_id": None}, {"tags": []}])
    async def test_all_runs_are_not_meant_by_mistake(self, filters: Any) -> None:
        async with engine_on(None) as engine:
            await fill(engine)
            for ask in (engine.cancel_runs, engine.delete_runs, engine.retry_runs):
                with pytest.raises(ValueError, match="this matches all runs; add a filter"):
                    await ask(**filters)
            assert await engine.count_runs() == 4
            assert len((await engine.delete_runs(before=timedelta(0))).done) == 4

    async def test_a_store_that_is_away_ends_it(self) -> None:
        class Fails(MemoryStore):
            tries = 0

            async def delete(self, run_id: str) -> bool:
                self.tries += 1
                raise StoreError("fails", "it fails", transient=True)

        store = Fails()
        async with engine_on(store) as engine:
            await fill(engine)
            with pytest.raises(StoreError, match="it fails"):
                await engine.delete_runs(status="success")
            assert store.tries == 1


class TestPrune:
    async def test_what_has_finished_before_is_deleted(self, place: Place) -> None:
        async with engine_on(place()) as engine:
            await fill(engine)
            assert await engine.prune(before=timedelta(hours=1)) == 0
            assert await engine.prune(before=datetime.now(UTC)) == 2
            assert ids(await engine.list_runs()) == ["asks bob", "asks ann"]
            with pytest.raises(UnknownRunError):
                engine.get_run("adds ann")
            assert await engine.prune(before=time.time(), status="canceled") == 0
            assert await engine.prune(before=time.time(), status=["suspended"]) == 2
            assert await engine.count_runs() == 0

    async def test_what_is_running_is_kept(self, place: Place) -> None:
        async with engine_on(place()) as engine:
            run = engine.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
            assert await engine.prune(before=time.time() + 99, status=["running"]) == 0
            assert engine.get_run("r") is run

    async def test_what_cannot_be_meant_is_refused(self) -> None:
        async with engine_on(None) as engine:
            with pytest.raises(ValueError, match="not a point in time"):
                await engine.prune(before="30d")  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="is not a status"):
                await engine.prune(before=0, status="old")  # type: ignore[arg-type]


# ---------------------------------------------------------------- reading only
class TestReadingOnly:
    async def test_an_engine_looks_at_what_there_is(self, kept: Place) -> None:
        async with engine_on(kept()) as engine:
            await fill(engine)
            store = kept()
            assert store is not None
        async with engine_on(store.read_only()) as engine:
            assert await engine.count_runs() == 4
            assert (await (await engine.load_run("adds ann")).wait()).output == 2
            asks = await engine.load_run("asks ann")
            assert asks.status == "suspended"
            async with engine.observe("adds ann") as seen:
                assert [event.type async for event in seen][-1] == "finish"

    async def test_and_changes_nothing(self, kept: Place) -> None:
        async with engine_on(kept()) as engine:
            await fill(engine)
            store = kept()
            assert store is not None
        async with engine_on(store.read_only()) as engine:
            asks = await engine.load_run("asks ann")
            attempts: list[Callable[[], Any]] = [
                lambda: engine.submit("adds", 1).wait(),
                lambda: engine.start_once("adds", 1, run_id="new"),
                lambda: engine.create_run("adds").start(1),
                lambda: asks.resume(1),
                lambda: engine.resume_run("asks ann", 1),
                lambda: engine.send_event("asks ann", "go"),
                lambda: engine.cancel_run("asks ann"),
                lambda: engine.delete_run("adds ann"),
                lambda: engine.delete_run("asks ann"),
                lambda: engine.prune(before=timedelta(0)),
                engine.recover,
            ]
            for attempt in attempts:
                with pytest.raises(StoreError, match="reading only"):
                    await attempt()
            assert [run.status for run in await engine.list_runs()] == ["suspended", "success"] * 2

    async def test_it_cannot_recover(self, kept: Place) -> None:
        async with engine_on(kept()) as engine:
            await fill(engine)
            store = kept()
            assert store is not None
        with pytest.raises(StoreError, match="reading only"):
            async with engine_on(store.read_only(), recover=True):
                pass

    async def test_a_run_is_followed_from_an_engine_that_only_looks(
        self, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        async with (
            open_engine(plugins=[], store=store, workflows=[SLOW]) as one,
            open_engine(plugins=[], store=store.read_only(), workflows=[SLOW]) as other,
        ):
            one.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
            run = await other.load_run("r")
            assert (await run.wait()).output == "sleeps"


def test_a_run_in_a_list_is_a_value() -> None:
    run = RunInfo(
        run_id="r", workflow_id="w", status="success", created_at=1.5, updated_at=2, input=None
    )
    assert run.cursor == "1.5:r"
    assert json.dumps(run.cursor) == '"1.5:r"'
