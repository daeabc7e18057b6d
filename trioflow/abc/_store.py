"""Where journals are kept: the contract of stores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Self

from trioflow.errors import JournalConflictError
from trioflow.events import RunStatus

if TYPE_CHECKING:
    from trioflow.abc._journal import Append, Entry, StoredRun
    from trioflow.abc._request import Request


class Store(ABC):
    """Keeps the journals of runs. Used as ``async with store``; opened once.

    A store need not understand what it keeps. It is used by one writer task at a time and
    any number of readers, and there may be as many other stores, in this process or others,
    on the same storage. All methods are checkpoints. `trioflow.testing.check_store` tries
    all that is promised here.

    Ids and texts are given back as they came, whatever they are: case, blanks and all of
    Unicode count. Only what UTF-8 cannot hold (lone surrogates) and NUL may be refused: an
    append with such text is a conflict, a request is a `RequestRefusedError`, and no run has
    such an id.

    What goes wrong with the storage itself is raised as ``StoreError(store, problem,
    transient)``; ``transient`` tells whether another try may help. Everything but `append` and
    `post_request` can simply be tried again. After a failed `append` it is unknown whether it
    was done, since an answer can be lost as well. Try it again: if it was not done, it is done
    now. If it conflicts, it was done if and only if `read` gives, directly behind ``after``,
    exactly the entries of the append (and, of an append with a header, `get` gives that header
    and its owner). Without entries there is nothing that could conflict with itself.
    """

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be written here: this is what `read_only` has returned, or the
        storage may only be read. Known once the store is open."""
        return False

    async def __aenter__(self) -> Self:
        """Connect, and make or migrate what is needed."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:  # noqa: B027 - not all need it
        """Disconnect. Everything that was appended stays."""

    @abstractmethod
    def read_only(self) -> Store:
        """Return a store on the same storage that only reads, not yet opened.

        It never creates, changes or migrates anything: opening it is a `StoreMissingError` if
        there is nothing to read, and every method that would write is a `StoreError`. It should
        work where nothing may be written, such as on a backup.
        """

    # ------------------------------------------------------------ journals
    @abstractmethod
    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        """Add entries to several runs in one go, durably: on return they survive a crash.

        They are done in this order, each whole or not at all, and each counts for those after
        it. One that `Append.conflict` has to refuse does not disturb the others: its place in
        the returned sequence holds the error. An append without entries makes an empty
        journal, or changes what comes with the entries: status, ``due_at`` and requests.

        Raises:
          StoreError: if the storage fails; then all of them are done or none.

        **Cancellation**: must not leave an append half done; afterwards the caller does not
        know whether it was done.
        """

    @abstractmethod
    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        """Return up to *limit* entries with ``seq > after``, ascending; none if unknown."""

    # ------------------------------------------------------------ runs
    @abstractmethod
    async def get(self, run_id: str) -> StoredRun | None:
        """Return what is known of a run, or None."""

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
        """Return the runs to which everything that is given applies, newest first.

        That is in descending order of ``created_at``, and of ``run_id`` for equal times. See
        `RunFilter` for what the first six mean.

        Args:
          limit: At most this many.
          offset: Leave out so many, the newest ones.
          cursor: `StoredRun.cursor` of a run: only those that follow it in this order. Pages
            that are listed so neither overlap nor leave out what was there all the time,
            however many runs begin meanwhile.

        Raises:
          ValueError: if *cursor* is none.
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
        """Return how many runs there are to which everything that is given applies."""

    @abstractmethod
    async def list_claimable(
        self,
        *,
        workflow_ids: Collection[str] | None = None,
        now: float,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Sequence[StoredRun]:
        """Return runs that are free and have something to do, oldest first.

        Free are runs with ``held_for == 0``. Something to do have those that are pending or
        running, and, unless they are finished, those with pending requests and those whose
        ``due_at`` has come. Runs that others hold cost little, however many there are.

        Args:
          workflow_ids: Only runs of these workflows.
          now: What *due_at* is compared with: seconds since the epoch, on the caller's clock.
          limit: At most this many.
          cursor: `StoredRun.cursor` of a run: only those that follow it in this order.
        """

    @abstractmethod
    async def delete(self, run_id: str) -> bool:
        """Remove a run, its journal, its requests and its claim; tell whether there was one.

        The id is free then, as if it had never been used.
        """

    @abstractmethod
    async def prune(self, before: float, status: Collection[RunStatus] | None = None) -> int:
        """Delete the runs that were last updated before that time; return how many.

        Storage that has become free is given back to the system as far as possible.

        Args:
          before: Seconds since the epoch.
          status: Only runs with one of these statuses; None means `FINISHED_STATUSES`. Runs
            that are not finished are kept while a claim on them holds.

        **Cancellation**: may leave some of the runs, each with its whole journal.
        """

    # ------------------------------------------------------------ claims
    @abstractmethod
    def open_owner(self, owner: str) -> AbstractAsyncContextManager[None]:
        """Let all processes on this storage know that *owner* lives, while the block runs.

        If its process dies, the store finds out as soon as it can, and the owner's claims are
        free at once. Leaving the block gives back all claims of the owner, so they are free at
        once, too. An owner that was not opened may claim as well, and so may one of which the
        store cannot know whether it lives (that is logged): then only time counts.

        Ids of owners are used by one block, ever. A process may open several.

        Raises:
          StoreError: if the storage fails.

        **Cancellation**: leaving the block takes as long as giving back the claims.
        """

    @abstractmethod
    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        """Make *owner* the one who may go on with a run, for so many seconds from now.

        Returns True if the run is unclaimed, claimed by the same owner or by one that is
        dead, or the claim has expired; False if another holds it or the run is unknown. Atomic
        over all processes. Time is the store's own, so that processes need no common clock, and
        does not follow the calendar where that is set anew. What was said before about the same
        owner's claim no longer counts, be it longer or shorter.
        """

    @abstractmethod
    async def renew(self, owner: str, seconds: float) -> set[str]:
        """Have all claims of *owner* hold for so many seconds from now.

        Returns the ids of the runs that *owner* has claimed and not given back. A claim that
        has expired is renewed, too, if nobody has taken the run over. One statement, however
        many runs there are.
        """

    @abstractmethod
    async def release(self, run_id: str, owner: str) -> None:
        """Give a claim back; does nothing if *owner* does not hold it."""

    # ------------------------------------------------------------ requests
    @abstractmethod
    async def post_request(self, request: Request) -> Request:
        """Keep a request for a run, durably, and wake its owner; return it with its id.

        It stays pending until an append removes it, the run finishes or is deleted: whatever
        happens to who posted it or to the owner of the run. It does not change the run.

        Raises:
          UnknownRunError: if there is no such run.
          RunFinishedError: if the run is finished.
          InboxFullError: if `MAX_REQUESTS` are pending for the run.
          RequestTooLargeError: if the payload is longer than `MAX_REQUEST_BYTES`.
          RequestRefusedError: if the storage cannot hold its text.
          StoreError: if the storage fails; it is unknown then whether the request is pending.
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
        """Return the requests that are pending for runs that *owner* has claimed.

        They come in ascending order of their ids, so those for one run come in the order in
        which they were posted. They stay pending; see ``Append.requests``.

        Args:
          run_ids: Only those for these runs.
          after: Only ids above this one, for the next page. Not a bookmark to keep: of two
            runs, the request that was posted first may have the higher id.
          limit: At most this many.
        """

    @abstractmethod
    async def wait_requests(self, owner: str) -> None:
        """Wait until there may be something new to take or to claim.

        Returns soon after a request is posted, from whatever process, for a run that *owner* has
        claimed or that nobody has. Returns at once if that was after the last `take_requests` of
        this owner began, or if that has given as many as its limit; one with *run_ids* or *after*
        does not count. May return for nothing. What a run brings along that is claimed only now is
        not waited for: take it yourself.

        The owner must be open in this store, see `open_owner`. Costs next to nothing while
        nothing is posted.

        Raises:
          StoreError: if the owner is not open, or the storage fails.
        """
