"""The contract of stores, which keep the journals of runs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Self

from trioflow.abc._places import PlaceStore
from trioflow.abc._work import WorkStore
from trioflow.errors import JournalConflictError
from trioflow.events import RunStatus

if TYPE_CHECKING:
    from trioflow.abc._journal import Append, Entry, StoredRun
    from trioflow.abc._request import Request


class Store(WorkStore, PlaceStore):
    """Keeps the journals of runs. Used as ``async with store``; opened once.

    A store need not understand what it keeps. One writer task at a time and any number of
    readers use it, and any number of other stores, in this process or others, may use the same
    storage. All methods are checkpoints. `trioflow.testing.check_store` checks this contract.

    Ids and strings are returned unchanged: case, blanks and all of Unicode are significant.
    Only strings that UTF-8 cannot encode (lone surrogates) and NUL may be refused: an append
    with such a string is a conflict, a request raises `RequestRefusedError`, and no run has
    such an id.

    Failures of the storage itself are raised as ``StoreError(store, problem, transient)``;
    ``transient`` says whether a retry may help. All methods except `append` and `post_request`
    can simply be retried. After a failed `append` it is unknown whether it was applied, because
    the reply may have been lost. Retry it: if it was not applied, it is applied now. If the
    retry conflicts, the first try was applied if and only if `read` returns, directly after
    ``after``, exactly the entries of the append (and, for an append with a header, `get` returns
    that header and its owner). An append without entries cannot conflict with itself.
    """

    @property
    def is_read_only(self) -> bool:
        """Whether the store cannot be written to: `read_only` returned it, or its storage only
        permits reading. Known once the store is open."""
        return False

    async def __aenter__(self) -> Self:
        """Connect, and create or migrate the storage if needed."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Disconnect. Everything that was appended is kept."""

    @abstractmethod
    def read_only(self) -> Store:
        """Return a read-only store on the same storage, not yet opened.

        It never creates, changes or migrates anything. Opening it raises `StoreMissingError` if
        there is nothing to read, and every method that writes raises `StoreError`. It should
        work on storage without write permission, such as a backup.
        """

    # ------------------------------------------------------------ journals
    @abstractmethod
    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        """Apply appends to several runs at once, durably: on return they survive a crash.

        They are applied in order, each of them atomically, and each sees the effects of those
        before it. An append that `Append.conflict` refuses does not affect the others: the
        returned sequence holds its error at the same index. An append without entries creates
        an empty journal, or changes only status, ``due_at`` and requests. One that enqueues a
        run (see `Append.enqueues`) wakes `WorkStore.wait_runs`.

        Raises:
          StoreError: if the storage fails; then either all of them are applied or none.

        **Cancellation**: must not leave an append half applied; afterwards the caller does not
        know whether it was applied.
        """

    @abstractmethod
    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        """Return up to *limit* entries with ``seq > after``, ascending; none for unknown runs."""

    # ------------------------------------------------------------ runs
    @abstractmethod
    async def get(self, run_id: str) -> StoredRun | None:
        """Return a stored run, or None if it does not exist."""

    @abstractmethod
    async def list_runs(
        self,
        *,
        status: Collection[RunStatus] | None = None,
        workflow_id: str | None = None,
        resource_id: str | None = None,
        tags: Collection[str] = (),
        since: float | None = None,
        before: float | None = None,
        limit: int | None = None,
        offset: int = 0,
        cursor: str | None = None,
    ) -> Sequence[StoredRun]:
        """Return the runs that match all given criteria, newest first.

        Newest first means descending order of ``created_at``, and of ``run_id`` for equal times.
        See `RunFilter` for the first six arguments.

        Args:
          limit: Maximum number of runs.
          offset: Number of runs to skip, newest first.
          cursor: `StoredRun.cursor` of a run; only runs that follow it in this order are
            returned. Pages listed this way neither overlap nor miss runs that existed all the
            time, even if runs begin meanwhile.

        Raises:
          ValueError: if *cursor* is not a cursor.
        """

    @abstractmethod
    async def count_runs(
        self,
        *,
        status: Collection[RunStatus] | None = None,
        workflow_id: str | None = None,
        resource_id: str | None = None,
        tags: Collection[str] = (),
        since: float | None = None,
        before: float | None = None,
    ) -> int:
        """Return the number of runs that match all given criteria."""

    @abstractmethod
    async def list_claimable(
        self,
        *,
        workflow_ids: Collection[str] | None = None,
        now: float,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Sequence[StoredRun]:
        """Return runs that are free and have work to do, oldest first.

        A run is free if its ``held_for`` is 0. It has work to do if it is running; or if it is
        not finished, and has pending requests or a ``due_at`` that has passed. A pending run is
        registered and not started, so there is nothing to continue. Runs held by other owners
        cost little, regardless of their number.

        Args:
          workflow_ids: Only runs of these workflows.
          now: The time to compare ``due_at`` with: seconds since the epoch, on the caller's
            clock.
          limit: Maximum number of runs.
          cursor: `StoredRun.cursor` of a run; only runs that follow it in this order are
            returned.
        """

    @abstractmethod
    async def delete(self, run_id: str) -> bool:
        """Delete a run, its journal, its requests and its claim; return whether it existed.

        Afterwards the id can be used again, as if it had never been used.
        """

    @abstractmethod
    async def prune(self, before: float, status: Collection[RunStatus] | None = None) -> int:
        """Delete the runs last updated before a time; return the number of deleted runs.

        Freed storage is returned to the operating system as far as possible.

        Args:
          before: Seconds since the epoch.
          status: Only runs with one of these statuses; None means `FINISHED_STATUSES`. Runs
            that are not finished are kept while they are claimed.

        **Cancellation**: may leave some of the runs, each with its whole journal.
        """

    # ------------------------------------------------------------ claims
    @abstractmethod
    def open_owner(self, owner: str) -> AbstractAsyncContextManager[None]:
        """Announce to all processes on this storage that *owner* is alive, inside the block.

        If its process dies, the store detects that as soon as it can, and frees the owner's
        claims immediately. Exiting the block releases all claims of the owner. An owner that was
        not opened may also claim runs, and so may an owner whose death the store cannot detect
        (which is logged); their claims end only when they are released or expire.

        An owner id is used by only one block, ever. A process may open several owners.

        Raises:
          StoreError: if the storage fails.

        **Cancellation**: exiting the block still takes the time to release the claims.
        """

    @abstractmethod
    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        """Claim a run for *owner*, which may then execute it, for *seconds* from now.

        Returns True if the run is unclaimed, claimed by the same owner or by a dead one, or the
        claim has expired; False if another owner holds it or the run is unknown. Atomic across
        processes. The store measures time on its own clock, so processes need no common clock,
        and changes of the system time have no effect where that is possible. A new claim of
        the same owner replaces its old one, whether longer or shorter.
        """

    @abstractmethod
    async def renew(self, owner: str, seconds: float) -> set[str]:
        """Extend all claims of *owner* to *seconds* from now.

        Returns the ids of the runs that *owner* has claimed and not released. Expired claims are
        also renewed unless another owner has claimed the run. Extends the owner's tickets in
        lines as well, see `PlaceStore`. Costs the same regardless of the number of runs.
        """

    @abstractmethod
    async def release(self, run_id: str, owner: str) -> None:
        """Release a claim; do nothing if *owner* does not hold it."""

    # ------------------------------------------------------------ requests
    @abstractmethod
    async def post_request(self, request: Request) -> Request:
        """Keep a request for a run, durably, and wake its owner; return it with its id.

        The request stays pending until an append removes it, or the run finishes or is deleted,
        even if the requester or the owner of the run dies. It does not change the run.

        Raises:
          UnknownRunError: if the run does not exist.
          RunFinishedError: if the run is finished.
          InboxFullError: if `MAX_REQUESTS` are pending for the run.
          RequestTooLargeError: if the payload is longer than `MAX_REQUEST_BYTES`.
          RequestRefusedError: if the storage cannot hold one of its strings.
          StoreError: if the storage fails; then it is unknown whether the request is pending.
        """

    @abstractmethod
    async def take_requests(
        self,
        owner: str,
        *,
        run_ids: Collection[str] | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[Request]:
        """Return the pending requests for runs that *owner* has claimed.

        They are in ascending order of their ids, so requests for one run are in the order in
        which they were posted. They stay pending; see ``Append.requests``.

        Args:
          run_ids: Only requests for these runs.
          after: Only ids above this one, for the next page. Do not keep it as a bookmark: across
            runs, a request that was posted earlier may have a higher id.
          limit: Maximum number of requests.
        """

    @abstractmethod
    async def wait_requests(self, owner: str) -> None:
        """Wait until there may be something new to take or to claim.

        Returns soon after any process posts a request for a run that *owner* has claimed or that
        is unclaimed. Returns immediately if that happened after the last `take_requests` of this
        owner began, or if that call returned as many requests as its limit; calls with *run_ids*
        or *after* do not count. Spurious returns are possible. Requests that were already pending
        when a run is claimed do not wake this method: take them after the claim.

        The owner must be open in this store; see `open_owner`. Costs almost nothing while
        nothing is posted.

        Raises:
          StoreError: if the owner is not open, or the storage fails.
        """
