"""What authors of plugins subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any, Self

import attrs

from trioflow.context import StepContext
from trioflow.errors import JournalConflictError
from trioflow.events import Event, RunStatus, StepKind
from trioflow.tracing import TracingContext


class Runner(ABC):
    """Runs the bodies of steps and tools somewhere.

    A runner is named in ``@step(runner="name")`` or ``@tool(runner="name")``, and comes from
    ``open_engine(runners={"name": ...})`` or from a plugin's ``trioflow_runner("name")``. An
    engine uses it as ``async with runner``: opened once, before the first body, and closed when
    the last run has ended. `trioflow.testing.check_runner` tries all that is promised here.
    """

    async def __aenter__(self) -> Self:
        """Open what the bodies share, such as a pool of workers."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:  # noqa: B027 - not all need it
        """Close it, and wait until nothing of it is left. No body runs any more."""

    def check(self, fn: Callable[..., Any], where: str) -> None:  # noqa: B027 - not all need it
        """Look at a function that this runner is to run. Called while a workflow is planned.

        Args:
          fn: The function as its author wrote it.
          where: What it belongs to, for the error: ``"step 'resize'"``.

        Raises:
          DefinitionError: if the runner could never run it.
        """

    @abstractmethod
    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        """Call *fn* with these arguments and return what it returns, or raise what it raises.

        Called once per attempt of a step, and once per call of a tool; any number of calls may
        be going on at the same time. If *fn* is an ``async def``, its coroutine must be awaited.

        Args:
          ctx: The context of the step call, given always. If *fn* takes it, it is among the
            arguments as well, as this very object.

        **Cancellation**: must reach the body, or be held back until the body has ended; a
        body must never go on after this method has returned or raised.
        """


@attrs.frozen(kw_only=True)
class PartInfo:
    """A part of a run that is about to begin: from its start, or from where it goes on."""

    is_start: bool
    """Whether the run starts; otherwise it goes on."""
    run_id: str
    workflow_id: str
    resource_id: str | None
    tracing_context: TracingContext
    """Where the caller says that the run stands in its trace; empty if it goes on from a store."""
    metadata: Mapping[str, Any]
    """The ``metadata`` of the tracing options."""
    trace_id: str | None
    """The trace that the run belongs to. None if that is open: nobody has said so yet."""
    previous_span_id: str | None
    """What was given as the id of the span of the part before; None at the start."""


@attrs.frozen
class TraceIds:
    """What an instrument calls a part of a run."""

    trace_id: str
    """32 hexadecimal digits. Counts at the start, for a run stays in its trace."""
    span_id: str | None = None
    """16 hexadecimal digits; given back when the run goes on, perhaps in another process."""


@attrs.frozen(kw_only=True)
class BodyInfo:
    """A body that is about to run: an attempt of a step call, or a tool call inside of one."""

    run_id: str
    workflow_id: str
    """Id of the innermost workflow that the step is in."""
    step_id: str
    """Id of the step; inside nested workflows ``"outer.inner"``."""
    step_call_id: str
    address: str
    """Place of the step call in the run, see `trioflow.addresses`; of an item of a foreach, too."""
    kind: StepKind
    """What is called: ``"step"``, ``"tool"``, ``"workflow"`` or ``"map"``; for a tool call, what
    the step is that calls."""
    attempt: int
    """Which attempt of the step call, counted from 1."""
    at: float
    """When it begins: seconds since the epoch, on the run's clock, as in events."""
    function: Callable[..., Any] | None
    """What the author of the step or tool wrote; None for a nested workflow."""
    tool_call_id: str | None = None
    """Of a tool call; None for an attempt of a step call."""
    tool: str | None = None
    """The id of the tool that is called."""
    tracing_context: TracingContext
    """Where the body stands in the caller's trace, as it would be without this instrument."""


class Instrument:
    """Watches runs: for traces, metrics and logs. Override what you need.

    What an instrument does not override costs nothing. One that raises is logged and left
    out for the rest of the run. An engine uses it as ``async with instrument``.
    """

    async def __aenter__(self) -> Self:
        """Begin to watch: called while the engine opens, before any run."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Bring it to an end: called when the last run of the engine has ended."""

    def on_event(self, event: Event) -> None:
        """Called for each event of each run, right after it was folded into the state.

        Synchronous and on the hot path, so be quick and do not block.
        """

    def on_begin(self, part: PartInfo) -> TraceIds | None:
        """Called right before a part of a run begins; may say how traces call it.

        Called in the task of whoever starts or resumes the run, with its context variables.
        No event of the part has happened, and `Start`, `Resume` or `Recover` will be the
        first. If several instruments return ids, the first ones count.
        """
        return None

    def on_gap(self, event: Event) -> None:
        """Called for each event that an observer with ``on_full="gap"`` is too slow for."""

    def on_blocked(self, run_id: str, seconds: float) -> None:
        """Called when a task of a run has waited for readers, of this run, to read on.

        Args:
          seconds: How long it has waited, on Trio's clock.
        """

    def around_body(self, body: BodyInfo) -> AbstractContextManager[Any] | None:
        """Return what should stand around a body while it runs, or None.

        Called for each attempt of a step, of a tool that is a node, of a mapping and of a
        nested workflow, also if they are items of a foreach, and for each tool call. It is
        entered and left in the task that runs the body, which waits in it; threads that the
        body starts have its context variables. Those that are set in it are seen by the
        body, and must be reset on leaving. Around a streaming tool it has a context of its
        own, so that nothing is seen by the one who takes the pieces.

        What it yields is ``ctx.tracing_context.current_span`` inside, unless it is None; a
        `TracingContext` is taken as it is.

        It is left with the exception that leaves the body, and cannot hold it back. A body
        that suspends or bails, or is canceled, leaves with an exception as well; the events
        say what came of it.
        """
        return None


@attrs.frozen(kw_only=True)
class RunHeader:
    """What is known of a run from its first moment on."""

    run_id: str
    workflow_id: str
    resource_id: str | None = None
    created_at: float
    """Seconds since the epoch."""
    format: int
    """Version of the journal's format."""
    fingerprint: str
    """The shape of the workflow, as JSON text; see `trioflow._engine.planning.fingerprint`."""


@attrs.frozen
class Entry:
    """One event of a journal."""

    seq: int
    """The event's ``seq``. Entries of a run ascend; events that are not journaled leave gaps."""
    at: float
    """Seconds since the epoch."""
    text: str
    """The event as JSON text."""


@attrs.frozen(kw_only=True)
class Append:
    """Entries to add to the journal of one run, all or none."""

    run_id: str
    entries: tuple[Entry, ...]
    after: int
    """The ``seq`` of the last entry that is stored, -1 for none. Guards against two writers."""
    status: RunStatus
    """Status of the run behind these entries."""
    header: RunHeader | None = None
    """Given with the first entries of a run, and only then."""
    owner: str | None = None
    """Who writes. With *header* it claims the run, in the same transaction, as `Store.claim`
    does. Without, the append conflicts if the run is claimed by somebody else by now, or by
    nobody."""
    claim_seconds: float = 0.0
    """With *header* and *owner*: for how long."""

    def conflict(self, last_seq: int | None, owner: str | None) -> JournalConflictError | None:
        """Return why a store has to refuse this, or None. For authors of stores.

        Args:
          last_seq: With what the stored journal ends, -1 if it has no entries; None if there
            is no such run.
          owner: Who has claimed the stored run, even if the claim has expired.
        """
        ends = -1 if last_seq is None else last_seq
        seqs = [self.after, *(entry.seq for entry in self.entries)]
        problem = None
        if last_seq is None and self.header is None:
            problem = "there is no such run"
        elif last_seq is not None and self.header is not None:
            problem = "there is such a run already"
        elif self.after != ends:
            problem = f"it ends with seq {ends}, not {self.after}"
        elif any(seq >= following for seq, following in pairwise(seqs)):
            problem = "the entries do not ascend"
        elif self.header is None and self.owner not in (None, owner):
            problem = f"{self.owner} has lost its claim" + (f" to {owner}" if owner else "")
        return JournalConflictError(self.run_id, problem) if problem else None


@attrs.frozen(kw_only=True)
class StoredRun:
    """A run as a store lists it."""

    header: RunHeader
    status: RunStatus
    updated_at: float
    """Time of the last entry, of the header if there is none: seconds since the epoch."""
    last_seq: int
    """The ``seq`` of the last entry."""
    owner: str | None = None
    """Who has claimed the run and not given it back; the claim may have expired."""
    claimed_until: float | None = None
    """When the claim expires: seconds since the epoch, on the store's clock. None if *owner* is."""


class Store(ABC):
    """Keeps the journals of runs. Used as ``async with store``; opened once.

    A store need not understand what it keeps. It is used by one writer task at a time and
    any number of readers, and there may be as many other stores, in this process or others,
    on the same storage. All methods are checkpoints. `trioflow.testing.check_store` tries
    all that is promised here.

    Ids and texts are given back as they came, whatever they are: case, blanks and all of
    Unicode count. Only what UTF-8 cannot hold (lone surrogates) and NUL may be refused: an
    append with such text is a conflict, and no run has such an id.

    What goes wrong with the storage itself is raised as ``StoreError(store, problem,
    transient)``; ``transient`` tells whether another try may help. Reading and claiming can
    simply be tried again. After a failed `append` it is unknown whether it was done, since an
    answer can be lost as well; before another try, compare ``last_seq`` of `get` with what was
    to be appended.
    """

    async def __aenter__(self) -> Self:
        """Connect, and make or migrate what is needed."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:  # noqa: B027 - not all need it
        """Disconnect. Everything that was appended stays."""

    @abstractmethod
    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        """Add entries to several runs in one go, durably: on return they survive a crash.

        They are done in this order, each whole or not at all, and each counts for those after
        it. One that `Append.conflict` has to refuse does not disturb the others: its place in
        the returned sequence holds the error. An append without entries makes an empty
        journal, or changes the status.

        Raises:
          StoreError: if the storage fails; then all of them are done or none.

        **Cancellation**: must not leave an append half done; afterwards the caller does not
        know whether it was done.
        """

    @abstractmethod
    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        """Return up to *limit* entries with ``seq > after``, ascending; none if unknown."""

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
        limit: int | None = None,
    ) -> Sequence[StoredRun]:
        """Return the runs to which everything that is given applies, newest first.

        That is in descending order of ``created_at``, and of ``run_id`` for equal times.

        Args:
          status: Any of these; there is no run of an empty collection.
          limit: At most this many, the newest.
        """

    @abstractmethod
    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        """Make *owner* the one who may go on with a run, for so many seconds from now.

        Returns True if the run is unclaimed, claimed by the same owner, or the claim has
        expired; False if another holds it or the run is unknown. Atomic over all processes.
        Time is the store's own, so that processes need no common clock. What was said before
        about the same owner's claim no longer counts, be it longer or shorter.
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

    @abstractmethod
    async def delete(self, run_id: str) -> bool:
        """Remove a run, its journal and its claim; tell whether there was one.

        The id is free then, as if it had never been used.
        """

    @abstractmethod
    async def prune(self, before: float) -> int:
        """Delete all runs that are over and were last updated before that time; return how many.

        Runs are over as ``success``, ``failed`` or ``canceled``.

        Args:
          before: Seconds since the epoch.

        **Cancellation**: may leave some of the runs, each with its whole journal.
        """
