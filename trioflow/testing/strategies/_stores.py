"""A machine that does to a store whatever can be done, and compares it with a dict."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from operator import methodcaller
from queue import SimpleQueue
from typing import Any, TypeVar

import attrs
import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from trioflow.abc import Store
from trioflow.events import RunStatus
from trioflow.testing.strategies._journals import (
    LONG_AGO,
    Draft,
    Journals,
    drafts,
    durations,
    moments,
    names,
    owners,
    resource_ids,
    statuses,
    workflow_ids,
)

T = TypeVar("T")

OpenStore = Callable[[], AbstractAsyncContextManager[Store]]

which = st.integers(0, 1)
"""Which of the two stores on one storage is asked."""


def store_machine(open_store: OpenStore) -> type[RuleBasedStateMachine]:
    """Return a state machine that drives a store against a model.

    Use it as ``TestMyStore = store_machine(open_store).TestCase``, or with
    ``hypothesis.stateful.run_state_machine_as_test``. Two stores are open at a time, and are
    closed and opened again. `trioflow.testing.check_store` says more about what is wrong;
    this finds what nobody has thought of.

    Args:
      open_store: Opens a store on the same storage each time. That storage may hold other
        runs, if they are not of the year 1970.
    """
    return type("StoreMachine", (_StoreMachine,), {"open_store": staticmethod(open_store)})


class _StoreMachine(RuleBasedStateMachine):
    open_store: OpenStore

    def __init__(self) -> None:
        super().__init__()
        self.trio = _TrioThread()
        self.stores = [self.trio.open(self.open_store) for _ in range(2)]
        self.model = Journals(f"machine-{uuid.uuid4().hex}-")

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

    @rule(which=which, owner=owners, seconds=durations)
    def renew(self, which: int, owner: str, seconds: float) -> None:
        owner = self.model.id(owner)

        renewed = self.call(which, lambda store: store.renew(owner, seconds))

        assert set(renewed) == self.model.renew(owner, seconds)

    @rule(which=which, name=names, owner=owners)
    def release(self, which: int, name: str, owner: str) -> None:
        run_id, owner = self.model.id(name), self.model.id(owner)

        self.call(which, lambda store: store.release(run_id, owner))

        self.model.release(name, owner)

    @rule(which=which, name=names)
    def delete(self, which: int, name: str) -> None:
        deleted = self.call(which, lambda store: store.delete(self.model.id(name)))

        assert deleted == (self.model.runs.pop(name, None) is not None)

    @rule(which=which, before=moments)
    def prune(self, which: int, before: float) -> None:
        pruned = self.call(which, lambda store: store.prune(before))

        assert pruned == self.model.prune(before)

    @rule(which=which)
    def open_again(self, which: int) -> None:
        self.trio.run(self.stores[which].close)
        self.stores[which] = self.trio.open(self.open_store)

    # ------------------------------------------------------------ looking
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

    @rule(which=which, name=names, after=st.integers(-1, 12), limit=st.integers(0, 9))
    def read(self, which: int, name: str, after: int, limit: int) -> None:
        run_id = self.model.id(name)

        found = self.call(which, lambda store: store.read(run_id, after, limit))

        run = self.model.runs.get(name)
        entries = [entry for entry in run.entries if entry.seq > after] if run else []
        assert list(found) == entries[:limit]

    @rule(
        which=which,
        status=st.none() | st.lists(statuses, max_size=3),
        workflow=st.none() | workflow_ids,
        resource=resource_ids,
        limit=st.none() | st.integers(0, 3),
    )
    def list_runs(
        self,
        which: int,
        status: Sequence[RunStatus] | None,
        workflow: str | None,
        resource: str | None,
        limit: int | None,
    ) -> None:
        asked: dict[str, Any] = {
            "workflow_id": workflow and self.model.id(workflow),
            "resource_id": resource and self.model.id(resource),
        }
        # A limit may leave out our runs for those of others, unless something is of ours.
        limit = limit if any(asked.values()) else None

        runs = self.call(which, lambda store: store.list_runs(status=status, limit=limit, **asked))

        found = [run.header.run_id for run in runs]
        wanted = self.model.list(status, *asked.values())[:limit]
        assert [run_id for run_id in found if run_id.startswith(self.model.mark)] == wanted

    def look_at_all(self) -> None:
        for name in ("a", "b", "c"):
            self.get(0, name)
            self.read(1, name, -1, 1000)


class _TrioThread:
    """Trio in a thread of its own: rules are plain functions, and stores stay open meanwhile."""

    def __init__(self) -> None:
        started: SimpleQueue[tuple[trio.lowlevel.TrioToken, trio.Nursery]] = SimpleQueue()

        async def wait_for_the_end() -> None:
            async with trio.open_nursery() as nursery:
                started.put((trio.lowlevel.current_trio_token(), nursery))
                await trio.sleep_forever()

        self._thread = threading.Thread(target=trio.run, args=[wait_for_the_end], daemon=True)
        self._thread.start()
        self._token, self._nursery = started.get()

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        return trio.from_thread.run(function, trio_token=self._token)

    def open(self, open_store: OpenStore) -> _Opened:
        opened: _Opened = self.run(partial(self._nursery.start, _keep_open, open_store))
        return opened

    def stop(self) -> None:
        trio.from_thread.run_sync(self._nursery.cancel_scope.cancel, trio_token=self._token)
        self._thread.join()


@attrs.frozen
class _Opened:
    store: Store
    closing: trio.Event = attrs.field(factory=trio.Event)
    closed: trio.Event = attrs.field(factory=trio.Event)

    async def close(self) -> None:
        self.closing.set()
        await self.closed.wait()


async def _keep_open(
    open_store: OpenStore, task_status: trio.TaskStatus[_Opened] = trio.TASK_STATUS_IGNORED
) -> None:
    """Open a store and close it in the same task, as stores with a nursery need it."""
    async with open_store() as store:
        opened = _Opened(store)
        task_status.started(opened)
        await opened.closing.wait()
    opened.closed.set()
