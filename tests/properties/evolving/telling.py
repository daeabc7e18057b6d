"""A run is left by the first version, and met by the second one."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import pytest
import trio
import trio._core._run
from trio.testing import MockClock

from tests.properties.evolving.changes import Change
from tests.properties.evolving.families import NAME, Family
from tests.properties.evolving.places import NESTINGS, OWNERS, Nesting, build
from trioflow import Engine, Run, Workflow, open_engine, step
from trioflow._engine.journal.codec import decode
from trioflow.errors import UnreadableRunError
from trioflow.events import FINISHED_STATUSES, WAITING_STATUSES
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

LEFT = ("asking", "answered", "suspended", "waiting", "finished")
"""How the first version leaves a run: suspended by its first question, in the body that it has
answered, suspended by its second question, waiting for an event, finished."""
WAYS: Mapping[str, Sequence[str]] = {
    "asking": ("resume", "resume stream", "resume by id"),
    "suspended": ("resume", "resume stream", "resume by id", "fork"),
    **dict.fromkeys(("answered", "waiting"), ("recover", "recover run")),
    "finished": ("load", "fork"),
}
"""How the second version may continue it."""


@step
async def waits(value: Any) -> Any:
    await trio.sleep(5)
    return value


beside = (
    Workflow("beside", input=int, output=int).then(waits).wait_for_event("end", waits.clone("ends"))
)


@attrs.frozen
class Case:
    """What has changed, where, and when."""

    change: Change
    family: Family
    place: str
    nesting: Nesting
    is_nested: bool
    left: str
    way: str

    def is_possible(self) -> bool:
        """Tell whether there is such a case."""
        if self.place == "state" and self.nesting.name != "nothing":
            return False  # a state is a class
        return not (self.place == "answer" and self.left == "asking")

    def simplest(self) -> Case:
        """Return a case that is possible and as near as can be."""
        left = "answered" if self.left == "asking" else self.left
        way = self.way if self.way in WAYS[left] else WAYS[left][0]
        return attrs.evolve(self, nesting=NESTINGS[0], left=left, way=way)


@attrs.define(eq=False)
class Version:
    """A version of the program."""

    case: Case
    is_new: bool
    seen: dict[str, Any] = attrs.field(factory=dict)
    value: Any = attrs.field(init=False)
    """What it records, if it is the old one; what it must make of that, if it is the new one."""
    workflow: Workflow[Any, Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        case, change = self.case, self.case.change
        thing = case.family.make(NAME, change.after if self.is_new else change.before)
        type_ = case.nesting.type(thing, case.family)
        fields = change.expected_by(case.family) if self.is_new else change.values
        if fields is not None:
            self.value = case.nesting.value(type_, case.family.value(thing, fields))
        self.workflow = build(
            case.place, type_, getattr(self, "value", None), self.seen, case.is_nested
        )

    def given(self, place: str, otherwise: Any = 0) -> Any:
        return self.value if self.case.place == place else otherwise

    def open(self, store: MemoryStore) -> Any:
        return open_engine(
            plugins=self.case.family.plugins(), store=store, workflows=[self.workflow, beside]
        )


def tell(case: Case) -> None:
    """Tell what becomes of a run, on a clock of its own."""
    schedule: random.Random = trio._core._run._r
    schedule.seed(0)
    trio.run(_tell, case, clock=MockClock(autojump_threshold=0))


async def _tell(case: Case) -> None:
    store = MemoryStore()
    old, new = Version(case, is_new=False), Version(case, is_new=True)
    with trio.fail_after(1000):
        await leave(store, old)
        async with new.open(store) as engine:
            other = engine.submit(beside, 7, run_id="beside")
            is_refused = case.change.expected_by(case.family) is None
            meets = refuse if is_refused else go_on
            await meets(engine, store, new)
            await trio.sleep(6)
            other.send_event("end", 8)
            assert (await other.wait()).unwrap() == 7, "the bystander"
        if is_refused:
            async with old.open(store) as engine:
                await finish(engine, store, "r", old)
            assert old.seen[case.place] == old.value
    for stored in await store.list_runs():
        entries = await store.read(stored.header.run_id, limit=10**6)
        check_events(decode(stored.header.run_id, entries))


async def leave(store: MemoryStore, version: Version) -> None:
    """Leave a run behind, by closing the engine."""
    left = version.case.left
    async with version.open(store) as engine:
        options = {"initial_state": version.value} if version.case.place == "state" else {}
        run = engine.submit("w", version.given("input"), run_id="r", **options)
        assert (await run.wait()).status == "suspended"
        if left == "asking":
            return
        await engine.resume_run("r", version.given("answer", 1))
        await trio.sleep(1)
        if left == "answered":
            return
        assert (await run.wait()).status == "suspended"
        if left == "suspended":
            return
        await engine.resume_run("r", 1)
        await trio.sleep(1)
        if left == "waiting":
            return
        await engine.send_event("r", "go", 1)
        assert (await run.wait()).status == "success"


# ---------------------------------------------------------------- what fits
async def go_on(engine: Engine, store: MemoryStore, version: Version) -> None:
    """Continue the run, and check that its value is what it must be by now."""
    case = version.case
    run = await engine.load_run("r")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(nudge, engine)
        await ways(engine, run, case)[case.way]()
        nursery.cancel_scope.cancel()
    for stored in await store.list_runs(workflow_id="w"):
        await finish(engine, store, stored.header.run_id, version)
    if case.place in version.seen:
        found = version.seen[case.place]
        assert same(found, version.value), f"{found!r} instead of {version.value!r}"


async def nudge(engine: Engine) -> None:
    """Send the event that the run waits for, when it does."""
    await trio.sleep(15)
    await engine.send_event("r", "go", 1)


def same(found: Any, expected: Any) -> bool:
    """Tell whether values are equal and of the same type; classes of versions are not the same."""
    return bool(found == expected) and type(found) is type(expected)


async def finish(engine: Engine, store: MemoryStore, run_id: str, version: Version) -> None:
    """Have a run come to its end."""
    for _ in range(10):
        stored = await store.get(run_id)
        assert stored is not None
        if stored.status in FINISHED_STATUSES:
            assert stored.status == "success"
            return
        if stored.status in WAITING_STATUSES:
            await engine.resume_run(run_id, version.given("answer", 1))
        else:
            await engine.recover()
            await engine.send_event(run_id, "go", 1)
        await trio.sleep(20)
    raise AssertionError(f"run {run_id} does not come to its end")


# ---------------------------------------------------------------- what does not
async def refuse(engine: Engine, store: MemoryStore, version: Version) -> None:
    """Check that the run is refused, and left as it is."""
    case, before = version.case, await store.read("r", limit=10**6)
    run = await engine.load_run("r")
    stored = await store.get("r")
    assert stored is not None
    assert run.status == stored.status
    for name, way in ways(engine, run, case).items():
        if name in WAYS[case.left] and name not in ("load", "recover"):
            with pytest.raises(UnreadableRunError) as caught:
                await way()
            check_refusal(case, caught.value)
    assert "r" not in [each.run_id for each in await engine.recover()]
    assert await store.read("r", limit=10**6) == before, "it was changed"
    stored = await store.get("r")
    assert stored is not None
    assert stored.owner is None, "it is claimed"


def check_refusal(case: Case, error: UnreadableRunError) -> None:
    """Check that an error says which value is wrong, and how."""
    what, *owners = OWNERS[case.place]
    assert error.run_id == "r"
    assert error.workflow == "w"
    assert error.where.startswith(what), error.where
    assert error.where.endswith(tuple(owners)), error.where
    assert '"k"' in error.stored
    assert case.change.fault in "; ".join(map(str, error.faults))
    assert error.wanted
    assert case.place != "state update" or error.wanted == "State"


def ways(
    engine: Engine, run: Run[Any, Any], case: Case
) -> Mapping[str, Callable[[], Awaitable[Any]]]:
    """Return how a run may be continued, by name."""

    async def read(stream: Any) -> None:
        async with stream as events:
            async for _ in events:
                pass

    async def fork() -> None:
        forked = await run.fork(f"core.{step}" if case.is_nested else step)
        await forked.start()

    step = "again" if case.left == "suspended" else "last"
    return {
        "load": partial(engine.load_run, "r"),
        "resume": partial(run.resume, 1),
        "resume stream": lambda: read(run.resume_stream(1)),
        "resume by id": partial(engine.resume_run, "r", 1),
        "recover": engine.recover,
        "recover run": run.recover,
        "fork": fork,
    }
