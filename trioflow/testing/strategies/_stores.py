"""A state machine that calls a store in any order, and compares it with a model."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from operator import methodcaller
from typing import Any, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from trioflow.abc import Request, RequestKind, RunFilter, Store
from trioflow.errors import RunFinishedError, TrioflowError, UnknownRunError
from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow.testing.strategies._journals import (
    HOLDS,
    LONG_AGO,
    Draft,
    Journals,
    drafts,
    durations,
    kinds,
    moments,
    names,
    owners,
    queues,
    resource_ids,
    statuses,
    tags,
    workflow_ids,
)
from trioflow.testing.strategies._trio_thread import OpenStore, TrioThread

T = TypeVar("T")

which = st.integers(0, 1)
"""Index of the store to call, of two stores on one storage."""


def store_machine(open_store: OpenStore) -> type[RuleBasedStateMachine]:
    """Return a state machine that drives a store against a model.

    Use it as ``TestMyStore = store_machine(open_store).TestCase``, or with
    ``hypothesis.stateful.run_state_machine_as_test``. Two stores are open at a time, and are
    closed and reopened. `trioflow.testing.check_store` reports faults in more detail; the machine
    finds unexpected ones.

    Args:
      open_store: Opens a store on the same storage each time. The storage may hold other runs
        unless they are from the year 1970.
    """
    return type("StoreMachine", (_StoreMachine,), {"open_store": staticmethod(open_store)})


class _StoreMachine(RuleBasedStateMachine):
    open_store: OpenStore

    def __init__(self) -> None:
        super().__init__()
        self.trio = TrioThread()
        self.stores = [self.trio.open(self.open_store) for _ in range(2)]
        self.model = Journals(f"machine-{uuid.uuid4().hex}-")
        self.newest_request = 0

    @initialize()
    def forget_what_failed(self) -> None:
        self.call(0, lambda store: store.prune(LONG_AGO * 2))

    def teardown(self) -> None:
        try:
            self.look_at_all()
            for name in self.model.runs:
                run_id = self.model.id(name)
                self.call(0, methodcaller("delete", run_id))
        finally:
            for opened in self.stores:
                self.trio.run(opened.close)
            self.trio.stop()

    def call(self, which: int, method: Callable[[Store], Awaitable[T]]) -> T:
        return self.trio.run(lambda: method(self.stores[which].store))

    # ------------------------------------------------------------ changing
    @rule(which=which, drafts=st.lists(drafts, min_size=1, max_size=4))
    def append(self, which: int, drafts: list[Draft]) -> None:
        appends, wanted = [], []
        for draft in drafts:
            appends.append(self.model.fit(draft))
            wanted.append(self.model.append(draft.name, appends[-1]))

        results = self.call(which, lambda store: store.append(appends))

        assert [result is None for result in results] == wanted

    @rule(which=which, name=names, owner=owners, seconds=durations)
    def claim(self, which: int, name: str, owner: str, seconds: float) -> None:
        run_id, owner = self.model.id(name), self.model.id(owner)

        claimed = self.call(which, lambda store: store.claim(run_id, owner, seconds))

        assert claimed == self.model.claim(name, owner, seconds)

    @rule(which=which, name=names, seconds=durations)
    def come_and_go(self, which: int, name: str, seconds: float) -> None:
        """Claim as an owner that exits: a new one, because ids of owners are used once."""
        run_id, owner = self.model.id(name), self.model.id(uuid.uuid4().hex)

        async def claim_and_leave(store: Store) -> bool:
            async with store.open_owner(owner):
                return await store.claim(run_id, owner, seconds)

        claimed = self.call(which, claim_and_leave)

        assert claimed == self.model.claim(name, owner, seconds)
        self.model.leave(owner)

    @rule(which=which, owner=owners, seconds=durations)
    def renew(self, which: int, owner: str, seconds: float) -> None:
        owner = self.model.id(owner)

        renewed = self.call(which, lambda store: store.renew(owner, seconds))

        assert set(renewed) == self.model.renew(owner, seconds)

    @rule(
        which=which,
        owner=owners,
        seconds=durations,
        workflow=workflow_ids,
        some=st.lists(queues, min_size=1, max_size=2),
        now=moments,
        limit=st.integers(1, 3),
        knows=st.none() | st.lists(names, max_size=2),
    )
    def claim_next(
        self,
        which: int,
        owner: str,
        seconds: float,
        workflow: str,
        some: list[str],
        now: float,
        limit: int,
        knows: list[str] | None,
    ) -> None:
        owner, workflow = self.model.id(owner), self.model.id(workflow)
        some = [self.model.id(queue) for queue in some]
        held = None if knows is None else [self.model.id(name) for name in knows]
        asked: dict[str, Any] = {"queues": some, "now": now, "limit": limit, "held": held}
        wanted = self.model.claim_next(owner, seconds, workflow=workflow, **asked)

        taken = self.call(
            which,
            lambda store: store.claim_next(owner, seconds, workflows={workflow: "{}"}, **asked),
        )

        assert [run.header.run_id for run in taken] == wanted

    @rule(which=which)
    def list_queues(self, which: int) -> None:
        found = self.call(which, lambda store: store.list_queues())

        ours = [queue for queue in found if queue.queue.startswith(self.model.mark)]
        assert {each.queue: (each.waiting, each.oldest) for each in ours} == self.model.waiting()
        assert ours == sorted(ours, key=lambda each: each.queue)

    @rule(which=which)
    def list_owners(self, which: int) -> None:
        found = self.call(which, lambda store: store.list_owners())

        ours = {each.owner: each for each in found if each.owner.startswith(self.model.mark)}
        holders = [run for run in self.model.runs.values() if run.owner is not None]
        assert list(ours) == sorted({run.owner for run in holders if run.owner is not None})
        for owner, each in ours.items():
            runs = [run for run in holders if run.owner == owner]
            assert each.runs == len(runs)
            assert (each.held_for > 0) == any(run.held for run in runs)

    @rule(which=which, name=names, owner=owners)
    def release(self, which: int, name: str, owner: str) -> None:
        run_id, owner = self.model.id(name), self.model.id(owner)

        self.call(which, lambda store: store.release(run_id, owner))

        self.model.release(name, owner)

    @rule(which=which, name=names)
    def delete(self, which: int, name: str) -> None:
        deleted = self.call(which, lambda store: store.delete(self.model.id(name)))

        assert deleted == (self.model.runs.pop(name, None) is not None)

    @rule(which=which, before=moments, status=st.none() | st.lists(statuses, max_size=3))
    def prune(self, which: int, before: float, status: list[RunStatus] | None) -> None:
        pruned = self.call(which, lambda store: store.prune(before, status))

        assert pruned == self.model.prune(before, status)

    @rule(which=which, name=names, kind=kinds, at=moments)
    def post_request(self, which: int, name: str, kind: RequestKind, at: float) -> None:
        request = Request(run_id=self.model.id(name), kind=kind, at=at)
        run = self.model.runs.get(name)

        posted = self.call(which, partial(post_or_refuse, request))

        if run is None or run.status in FINISHED_STATUSES:
            assert posted is (UnknownRunError if run is None else RunFinishedError)
        else:
            assert isinstance(posted, Request)
            assert attrs.evolve(posted, id=0) == request
            assert posted.id > self.newest_request
            self.newest_request = posted.id
            run.requests.append(posted)

    @rule(which=which)
    def open_again(self, which: int) -> None:
        self.trio.run(self.stores[which].close)
        self.stores[which] = self.trio.open(self.open_store)

    # ------------------------------------------------------------ reading
    @rule(which=which, name=names)
    def get(self, which: int, name: str) -> None:
        found = self.call(which, lambda store: store.get(self.model.id(name)))

        run = self.model.runs.get(name)
        assert (found is None) == (run is None)
        if found is not None and run is not None:
            assert found.header == run.header
            assert (found.status, found.last_seq) == (run.status, run.last_seq)
            assert (found.updated_at, found.owner) == (run.updated_at, run.owner)
            assert (found.held_for > 0) == run.held
            assert found.due_at == run.due_at

    @rule(which=which, name=names, after=st.integers(-1, 12), limit=st.integers(0, 9))
    def read(self, which: int, name: str, after: int, limit: int) -> None:
        run_id = self.model.id(name)

        found = self.call(which, lambda store: store.read(run_id, after, limit))

        run = self.model.runs.get(name)
        entries = [entry for entry in run.entries if entry.seq > after] if run else []
        assert list(found) == entries[:limit]

    @rule(which=which, owner=owners, after=st.integers(0, 3), limit=st.integers(0, 3))
    def take_requests(self, which: int, owner: str, after: int, limit: int) -> None:
        owner, after = self.model.id(owner), max(0, self.newest_request - after)

        found = self.call(which, lambda store: store.take_requests(owner, after=after, limit=limit))

        assert list(found) == self.model.pending(owner, after)[:limit]

    @rule(
        which=which,
        # Each condition is omitted often enough for the others to decide the outcome.
        status=st.none() | st.just([]) | st.lists(statuses, min_size=1, max_size=3),
        workflow=workflow_ids,
        resource=st.none() | resource_ids,
        some_tags=st.just([]) | tags,
        span=st.just((None, None)) | st.tuples(st.none() | moments, st.none() | moments),
        page=st.tuples(st.none() | st.integers(0, 3), st.integers(0, 2)),
        cursor=st.none() | st.integers(0, 3),
    )
    def list_runs(
        self,
        which: int,
        status: Sequence[RunStatus] | None,
        workflow: str,
        resource: str | None,
        some_tags: list[str],
        span: tuple[float | None, float | None],
        page: tuple[int | None, int],
        cursor: int | None,
    ) -> None:
        asked: dict[str, Any] = {
            "status": status,
            "workflow_id": self.model.id(workflow),  # otherwise a limit might exclude our runs
            "resource_id": resource and self.model.id(resource),
            "tags": [self.model.id(tag) for tag in some_tags],
            "since": span[0],
            "before": span[1],
        }
        wanted = self.model.newest(RunFilter(**asked))
        whole = self.call(which, lambda store: store.list_runs(**asked))
        count = self.call(which, lambda store: store.count_runs(**asked))
        after = None if cursor is None or cursor >= len(whole) else whole[cursor].cursor
        limit, offset = page
        some = self.call(
            which,
            lambda store: store.list_runs(limit=limit, offset=offset, cursor=after, **asked),
        )

        assert [run.header.run_id for run in whole] == wanted
        assert count == len(wanted)
        rest = wanted[0 if after is None or cursor is None else cursor + 1 :][offset:]
        assert [run.header.run_id for run in some] == rest[:limit]

    @rule(which=which, workflow=st.none() | workflow_ids, now=moments, cursor=st.integers(-1, 1))
    def list_claimable(self, which: int, workflow: str | None, now: float, cursor: int) -> None:
        workflow_id = workflow and self.model.id(workflow)
        asked: dict[str, Any] = {"now": now, "limit": 10_000}
        asked["workflow_ids"] = None if workflow_id is None else [workflow_id]

        found = self.call(which, lambda store: store.list_claimable(**asked))
        ours = [run for run in found if run.header.run_id.startswith(self.model.mark)]
        after = ours[cursor] if 0 <= cursor < len(ours) else None
        if after is not None:
            found = self.call(
                which, lambda store: store.list_claimable(cursor=after.cursor, **asked)
            )

        wanted = self.model.claimable(workflow_id, now)
        assert [run.header.run_id for run in ours] == wanted
        ours = [run for run in found if run.header.run_id.startswith(self.model.mark)]
        begin = 0 if after is None else cursor + 1
        assert [run.header.run_id for run in ours] == wanted[begin:]

    def look_at_all(self) -> None:
        for name in ("a", "b", "c"):
            self.get(0, name)
            self.read(1, name, -1, 1000)
            self.claim(0, name, "me", HOLDS)
        for owner in ("me", "you"):
            for _ in range(2):
                self.take_requests(1, owner, self.newest_request, 1000)


async def post_or_refuse(request: Request, store: Store) -> Request | type[TrioflowError]:
    """Post a request; return it, or the class of the error that refused it."""
    try:
        return await store.post_request(request)
    except (UnknownRunError, RunFinishedError) as refusal:
        return type(refusal)
