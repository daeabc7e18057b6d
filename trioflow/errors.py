"""The errors that callers can catch, one class each.

The values are fields, and the message is built from them: what was wrong, where, and what to do
next. Fields are positional, so an error can be pickled and cross a process. Each class also derives
from the nearest built-in exception, so ``except ValueError`` and ``except LookupError`` work.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs


class TrioflowError(Exception):
    """Base of all errors that trioflow raises itself."""

    # One for all classes, because generating one per class would slow down every import.
    def __repr__(self) -> str:
        fields = getattr(type(self), "__attrs_attrs__", None)
        if fields is None:
            return super().__repr__()
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields if field.repr)
        return f"{type(self).__name__}({', '.join(shown)})"


def name_and_message(error: BaseException) -> tuple[str, str]:
    """Return the class name and the message of an exception. Never fails.

    For the stand-in of a recorded exception, returns those of the recorded exception.
    """
    try:
        stands_for: tuple[str, str] | None = getattr(error, "__trioflow_stands_for__", None)
        return (type(error).__name__, str(error)) if stands_for is None else stands_for
    except Exception:  # code of users
        return type(error).__name__, ""


def suggest(wrong: str, known: Iterable[str], otherwise: str) -> str:
    """Return "did you mean 'x'?" when a known name is close, else *otherwise*."""
    import difflib  # needed for errors only

    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise


# ---------------------------------------------------------------- definitions
@attrs.define(eq=False, repr=False)
class DefinitionError(TrioflowError, ValueError):
    """Raised when the declaration of a step, tool, workflow or engine is invalid."""

    where: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}; {self.remedy}"


class UnknownOptionError(DefinitionError, TypeError):
    """Raised when a function of trioflow is called with an option that does not exist."""


@attrs.define(eq=False, repr=False)
class UnknownStepError(TrioflowError, LookupError):
    """Raised when a workflow names a step, tool or workflow that no plugin provides."""

    step: str
    workflow: str
    known: tuple[str, ...]
    plugin: str | None = None
    """The plugin that provides the workflow."""

    def __str__(self) -> str:
        hint = suggest(self.step, self.known, "is its plugin installed?")
        origin = f" of plugin {self.plugin!r}" if self.plugin else ""
        return f"workflow {self.workflow!r}{origin} uses unknown step {self.step!r}; {hint}"


@attrs.define(eq=False, repr=False)
class UnknownNameError(TrioflowError, LookupError):
    """Raised when there is no workflow, runner, limit, resource or store with that name."""

    kind: str
    """What was requested: ``"workflow"``, ``"runner"``, ``"limit"``, ``"resource"``, ..."""
    name: str
    where: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        listing = ", ".join(self.known) or "none"
        hint = suggest(self.name, self.known, f"known: {listing}")
        plugin = _PLUGINS.get((self.kind, self.name))
        remedy = (
            f"; install {plugin}, which provides it" if plugin else _REMEDIES.get(self.kind, "")
        )
        return f"{self.where}: unknown {self.kind} {self.name!r}; {hint}{remedy}"


_PLUGINS = {
    ("store", "sqlite"): "trioflow-sql",
    ("store", "postgresql"): "trioflow-sql[postgresql]",
    ("runner", "process"): "trioflow-process",
}
"""What the project's own plugins provide, for users who have not installed them."""
_REMEDIES = {
    "limit": '; give it a number with limit=Limit("...", 5) or open_engine(limits={...})',
    "resource": "; open it with open_engine(resources={...}) or trioflow_resources()",
}
"""Further remedies, by the kind of name."""


@attrs.define(eq=False, repr=False)
class ResourceTypeError(TrioflowError, TypeError):
    """Raised when a resource is not an instance of the type in ``ctx.resource(name, type)``."""

    where: str
    """What requested it: ``"step 'fetch'"``."""
    resource: str
    expected: str
    received: str

    def __str__(self) -> str:
        return (
            f"{self.where}: resource {self.resource!r} is of type {self.received}, "
            f"not {self.expected}; ask for that type, or open another resource under this name"
        )


# ---------------------------------------------------------------- values
@attrs.frozen
class Fault:
    """One fault in a value."""

    path: str
    """Path in the value: ``"city.name"``, ``"items[2]"``, or ``""`` for the value itself."""
    problem: str
    expected: str = ""
    """The expected type, if the fault is a wrong type."""
    received: str = ""
    """The received type, if the fault is a wrong type."""

    def __str__(self) -> str:
        return f"{self.path or 'value'}: {self.problem}"


@attrs.define(eq=False, repr=False)
class FaultsError(TrioflowError, ValueError):
    """Raise it in a structure hook for your types to report what is wrong, and where."""

    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults))


SHOWN_FAULTS = 20
"""How many faults a message lists at most; a long list may have very many."""


PLURAL = ("arguments",)
"""Names of values that take a plural verb."""


@attrs.define(eq=False, repr=False)
class InvalidValueError(TrioflowError, ValueError):
    """Raised when a value does not fit its declared type. Never retried."""

    what: str
    """Which value: ``"input"``, ``"output"``, ``"state"``, ``"resume data"``, ``"event data"``."""
    owner: str
    """Owner of the value: ``"step 'plan_day'"``, ``"workflow 'weather'"``."""
    faults: tuple[Fault, ...]
    giver: str = ""
    """Where the value comes from, if known: ``"step 'fetch'"``."""

    def __str__(self) -> str:
        listing = "; ".join(map(str, self.faults[:SHOWN_FAULTS]))
        hidden = len(self.faults) - SHOWN_FAULTS
        more = f"; and {hidden} more" if hidden > 0 else ""
        verb = "are" if self.what in PLURAL else "is"
        giver = f"; passed by {self.giver}" if self.giver else ""
        return f"{self.what} of {self.owner} {verb} invalid: {listing}{more}{giver}"


@attrs.define(eq=False, repr=False)
class MappingError(TrioflowError, LookupError):
    """Raised when the source of a mapping has no value at its path."""

    source: str
    """Start of the path: ``"step 'a'"``, ``"input"``, ``"context"``, ``"state"``, ``"data"``."""
    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"mapping: no {self.path!r} in {self.source}: {self.problem}; "
            "use a function as the source to supply a fallback"
        )


@attrs.define(eq=False, repr=False)
class NoResultError(TrioflowError, LookupError):
    """Raised by ``ctx.step_result(step)`` for a step that has no output yet."""

    step: str

    def __str__(self) -> str:
        return (
            f"step {self.step!r} has no output in this workflow yet; "
            "pass a default to step_result() if that may happen"
        )


HOOK_REMEDY = "register an unstructure hook with trioflow_converter"
"""The remedy for most values that cannot be written."""
LONGEST_PATH = 200
"""How many characters of a path a message shows at most; a value may be nested deeply."""


@attrs.define(eq=False, repr=False)
class NotSerializableError(TrioflowError, ValueError):
    """Raised when a value cannot be written as JSON, or could not be read back."""

    path: str
    """Path in the value: ``"output.file"``, or ``""`` for the value itself."""
    problem: str
    """The problem, without its subject: ``"is a TextIOWrapper, which has no JSON form"``."""
    remedy: str = HOOK_REMEDY

    def __str__(self) -> str:
        path, half = self.path or "value", LONGEST_PATH // 2
        if len(path) > LONGEST_PATH:
            path = f"{path[:half]}…{path[-half:]}"
        return f"{path} {self.problem}; {self.remedy}"


@attrs.define(eq=False, repr=False)
class WireFormatError(TrioflowError, ValueError):
    """Raised when a string or an object is not an event in a wire format."""

    problem: str

    def __str__(self) -> str:
        return f"not a trioflow wire event: {self.problem}"


@attrs.define(eq=False, repr=False)
class InvalidAddressError(TrioflowError, ValueError):
    """Raised when a string is not an address of a call."""

    text: str
    at: int
    """Index of the first wrong character, counted from 0."""
    problem: str

    def __str__(self) -> str:
        text = self.text if len(self.text) <= 100 else f"{self.text[:100]}..."
        rest = self.text[self.at : self.at + 10]
        found = f"character {self.at}, {rest!r}" if rest else "the end"
        return f"{text!r} is not an address: at {found}: {self.problem}"


# ---------------------------------------------------------------- steps
class NonRetryableError(TrioflowError):
    """Raise it, or a subclass, in a step or tool to fail without a retry."""


@attrs.define(eq=False, repr=False)
class Tripwire(TrioflowError, RuntimeError):  # noqa: N818 - it stops what must not continue, and is no fault
    """Raise it in a guardrail, or any step, to refuse what comes in or what came out.

    The step and the run fail with it. In the dialect ``mastra-1`` both have a ``tripwire`` object.
    """

    reason: str
    """Why, for whoever reads the run."""
    retry: bool = False
    """Whether another answer of the model may pass."""
    metadata: object = None
    """Data about the refusal."""
    processor_id: str | None = None
    """The guardrail that refused."""

    def __str__(self) -> str:
        return self.reason


@attrs.define(eq=False, repr=False)
class StepTimeoutError(TrioflowError, TimeoutError):
    """Raised when an attempt took longer than the ``timeout`` of its step or tool."""

    step: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"step {self.step!r} took longer than its timeout of {self.seconds} s; "
            "give it a longer one, or more attempts with retry=Retry(...)"
        )


@attrs.define(eq=False, repr=False)
class RunnerFailedError(TrioflowError, RuntimeError):
    """Raised when the runner of a step or tool failed while a body was running. Can be retried.

    Its ``__cause__`` is what the runner raised; None if it could not be closed in time.
    """

    step: str
    runner: str

    def __str__(self) -> str:
        return f"the runner {self.runner} of step {self.step!r} failed; see the cause"


@attrs.define(eq=False, repr=False)
class EventTimeoutError(TrioflowError, TimeoutError):
    """Raised when no event arrived within the ``timeout`` of a wait."""

    event: str
    step: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"step {self.step!r} timed out after {self.seconds} s waiting for event "
            f"{self.event!r}; send it with run.send_event(), or wait longer"
        )


@attrs.define(eq=False, repr=False)
class AskTimeoutError(TrioflowError, TimeoutError):
    """Raised by ``ctx.ask(..., timeout=...)`` when no answer arrives in time."""

    step: str
    key: str
    """The label of the question, or its number: ``"#1"``."""

    def __str__(self) -> str:
        return (
            f"step {self.step!r} got no answer to question {self.key!r} in time; "
            "handle the time-out, or give the ask a longer timeout="
        )


@attrs.define(eq=False, repr=False)
class AskMismatchError(NonRetryableError, ValueError):
    """Raised by ``ctx.ask`` if another question is recorded in its place. Never retried."""

    step: str
    key: str
    problem: str

    def __str__(self) -> str:
        return (
            f"question {self.key!r} of step {self.step!r} is not the recorded one: {self.problem}; "
            "ask the same question each time the body runs, or use another label"
        )


@attrs.define(eq=False, repr=False)
class AskLabelError(NonRetryableError, ValueError):
    """Raised by ``ctx.ask`` if a question is ambiguous within its call. Never retried."""

    step: str
    label: str | None
    problem: str

    def __str__(self) -> str:
        asked = "without a label" if self.label is None else f"with the label {self.label!r}"
        return (
            f"step {self.step!r} cannot ask {asked}: {self.problem}; "
            "give each question that is asked at the same time its own label"
        )


@attrs.define(eq=False, repr=False)
class StepClosedError(TrioflowError, RuntimeError):
    """Raised when a context is used after its step call has ended."""

    step: str

    def __str__(self) -> str:
        return f"step {self.step!r} has ended; use its context only while its body runs"


# ---------------------------------------------------------------- runs
@attrs.define(eq=False, repr=False)
class NotInTrioError(TrioflowError, RuntimeError):
    """Raised when a run is started, or an engine opened, outside Trio."""

    what: str
    """The attempted operation: ``"a run was started"``."""
    asyncio: bool
    """Whether asyncio is running."""

    def __str__(self) -> str:
        if not self.asyncio:
            return f"{self.what} outside Trio; do it in a function that trio.run() calls"
        return (
            f"{self.what} under asyncio, but trioflow runs on Trio: do it in a function that "
            "trio.run() calls; serve Starlette, FastAPI or Quart with Hypercorn's Trio worker "
            "(hypercorn --worker-class trio app:app)"
        )


@attrs.define(eq=False, repr=False)
class RunStateError(TrioflowError, RuntimeError):
    """Raised when the status of a run does not allow an operation."""

    run_id: str
    status: str
    problem: str

    def __str__(self) -> str:
        status = _STATUSES_IN_WORDS.get(self.status, f"is {self.status}")
        return f"run {self.run_id} {status}: {self.problem}"


_STATUSES_IN_WORDS = {
    "pending": "has not started",
    "success": "has succeeded",
    "failed": "has failed",
    "canceled": "was canceled",
}


class RunAlreadyStartedError(RunStateError):
    """Raised by the second ``stream()`` or ``start()`` of a run. Create a new run instead."""


class NotResumableError(RunStateError):
    """Raised when the status of a run does not allow resuming, forking or retrying it."""


class RunFinishedError(NotResumableError):
    """Raised when an event or a request is sent to a finished run."""


@attrs.define(eq=False, repr=False)
class NotSuspendedError(TrioflowError, LookupError):
    """Raised when a step to resume is not suspended."""

    run_id: str
    wanted: str
    available: tuple[str, ...]
    """The suspended steps."""

    def __str__(self) -> str:
        listing = ", ".join(self.available) or "none"
        return f"run {self.run_id}: {self.wanted} is not suspended; suspended steps: {listing}"


@attrs.define(eq=False, repr=False)
class AmbiguousResumeError(TrioflowError, LookupError):
    """Raised when an answer matches several suspended steps."""

    run_id: str
    wanted: str
    candidates: tuple[str, ...]

    def __str__(self) -> str:
        listing = ", ".join(self.candidates)
        return (
            f"run {self.run_id}: {self.wanted} is ambiguous: {listing}; "
            "pass step=, label= or index="
        )


@attrs.define(eq=False, repr=False)
class InvalidIdError(TrioflowError, ValueError):
    """Raised when an id or a tag of a run cannot be held by every store."""

    what: str
    """Kind of the name: ``"run id"``, ``"resource id"``, ``"tag"``, ``"tags"``."""
    value: object
    problem: str

    def __str__(self) -> str:
        shown = ascii(self.value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return f"{self.what} {shown} {self.problem}; use short strings of ordinary characters"


@attrs.define(eq=False, repr=False)
class DuplicateRunError(TrioflowError, ValueError):
    """Raised when a run id is used twice, in one engine or in its store."""

    run_id: str

    def __str__(self) -> str:
        return (
            f"run {self.run_id!r} already exists, and run ids are used once; "
            'get that run with load_run(), or with submit(..., if_exists="attach")'
        )


@attrs.define(eq=False, repr=False)
class UnknownRunError(TrioflowError, LookupError):
    """Raised when an engine does not know a run."""

    run_id: str

    def __str__(self) -> str:
        return (
            f"there is no run {self.run_id!r}; get_run() finds finished runs only while you keep a "
            "reference to them, load_run() finds all runs in the store"
        )


@attrs.define(eq=False, repr=False)
class TickTakenError(TrioflowError, ValueError):
    """Raised when a tick of a schedule is asked for that already has, or may have had, its run."""

    schedule: str
    tick: str
    problem: str = "has started, or is about to"

    def __str__(self) -> str:
        return (
            f"the tick of schedule {self.schedule!r} at {self.tick} {self.problem}; "
            "a tick starts only once: start another run with Engine.submit()"
        )


@attrs.define(eq=False, repr=False)
class RunCanceledError(TrioflowError, RuntimeError):
    """Raised by ``RunResult.unwrap()`` when the run was canceled."""

    run_id: str
    reason: str | None = None

    def __str__(self) -> str:
        return f"run {self.run_id} was canceled" + (f": {self.reason}" if self.reason else "")


@attrs.define(eq=False, repr=False)
class RunTimeoutError(TrioflowError, TimeoutError):
    """Raised when a run, or a nested workflow, has not finished within its ``timeout``."""

    run_id: str
    workflow: str
    deadline: float
    """The deadline: seconds since the epoch."""

    def __str__(self) -> str:
        return (
            f"workflow {self.workflow!r} of run {self.run_id} has not finished by its deadline; "
            "give it a longer timeout="
        )


@attrs.define(eq=False, repr=False)
class RunSuspendedError(TrioflowError, RuntimeError):
    """Raised by ``RunResult.unwrap()`` when the run is suspended."""

    run_id: str
    paths: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        listing = ", ".join(".".join(path) for path in self.paths)
        return f"run {self.run_id} is suspended at {listing}; resume it to get its output"


@attrs.define(eq=False, repr=False)
class HistoryGap(TrioflowError, LookupError):  # noqa: N818 - a fact about a stream, like EndOfChannel
    """Raised in a stream when its unread events are no longer held."""

    first_available: int
    """The lowest ``seq`` that is still available."""

    def __str__(self) -> str:
        return (
            f"events before seq {self.first_available} are no longer held; "
            f"observe(after={self.first_available - 1}) continues from there"
        )


@attrs.define(eq=False, repr=False)
class MailboxFullError(TrioflowError, RuntimeError):
    """Raised by ``send_event`` when too many events with the same name are queued."""

    event: str
    limit: int

    def __str__(self) -> str:
        return (
            f"{self.limit} events {self.event!r} are queued and no step takes them; "
            "does the workflow wait for an event with this name?"
        )


# ---------------------------------------------------------------- journals
@attrs.define(eq=False, repr=False)
class StoreError(TrioflowError, RuntimeError):
    """Raised when the storage behind a store fails."""

    store: str
    """Its URL without passwords: ``"sqlite:runs.db"``."""
    problem: str
    transient: bool = False
    """Whether a retry may succeed, as after a lock or a lost connection."""

    def __str__(self) -> str:
        return f"store {self.store}: {self.problem}"


class StoreMissingError(StoreError, LookupError):
    """Raised when a store that is opened for reading only does not exist."""


class ValueStoreError(StoreError):
    """Raised when the storage behind a value store fails, or is not there."""

    def __str__(self) -> str:
        return f"value store {self.store}: {self.problem}"


@attrs.define(eq=False, repr=False)
class MissingValueError(TrioflowError, LookupError):
    """Raised when a value is not in the value store, for example because its run was deleted."""

    store: str
    key: str

    def __str__(self) -> str:
        return (
            f"value {self.key} is not in value store {self.store}: its run was deleted, "
            "or it was put into another store"
        )


@attrs.define(eq=False, repr=False)
class DamagedValueError(TrioflowError, ValueError):
    """Raised when the bytes of a value are not those that were written, or cannot be read."""

    store: str
    key: str
    problem: str

    def __str__(self) -> str:
        return f"value {self.key} in value store {self.store}: {self.problem}"


@attrs.define(eq=False, repr=False)
class NoValueStoreError(TrioflowError, RuntimeError):
    """Raised when a value is put or read, and the engine has no value store."""

    where: str
    """What needs it: ``"step 'render'"``."""

    def __str__(self) -> str:
        return (
            f"{self.where}: there is no value store; "
            "open an engine with one: open_engine(values=FolderValues(path)); "
            "for the command line, set TRIOFLOW_VALUES=folder:PATH"
        )


@attrs.define(eq=False, repr=False)
class JournalConflictError(TrioflowError, RuntimeError):
    """Raised when another owner has written to a run's journal, or the journal is inconsistent."""

    run_id: str
    problem: str

    def __str__(self) -> str:
        return f"journal of run {self.run_id}: {self.problem}"


@attrs.define(eq=False, repr=False)
class JournalFormatError(TrioflowError, ValueError):
    """Raised when a journal is damaged, or was written by a later version of trioflow."""

    run_id: str
    seq: int | None
    """The entry that cannot be read; None if it is the header of the run."""
    problem: str

    def __str__(self) -> str:
        where = "" if self.seq is None else f" at entry {self.seq}"
        return (
            f"journal of run {self.run_id} cannot be read{where}: {self.problem}; "
            "the run can still be canceled or deleted"
        )


@attrs.define(eq=False, repr=False)
class UnreadableRunError(TrioflowError, ValueError):
    """Raised when a run cannot continue because a recorded value no longer fits its type.

    Nothing is changed. The run can be shown, canceled and deleted, and it can continue with a
    version of the workflow that can read the value.
    """

    run_id: str
    workflow: str
    seq: int
    """The event that holds the value."""
    where: str
    """The value: ``"output of step 'plan_day'"``."""
    wanted: str
    """Name of the expected type."""
    stored: str
    """The beginning of the stored JSON."""
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        faults = "; ".join(map(str, self.faults))
        return (
            f"run {self.run_id} of workflow {self.workflow!r} cannot continue: the recorded "
            f"{self.where} (seq {self.seq}) does not fit {self.wanted}: {faults}; "
            f"stored: {self.stored}; make {self.wanted} accept it again (a new field needs a "
            "default), or cancel the run"
        )


@attrs.define(eq=False, repr=False)
class UnreadableScheduleError(TrioflowError, ValueError):
    """Raised when a stored schedule cannot be read here.

    Another version of trioflow has written it, or its time zone is not installed here. This
    program decides about none of its ticks; others that can read it do. It can be shown, paused,
    replaced and deleted.
    """

    schedule: str
    """Id of the schedule."""
    problem: str

    def __str__(self) -> str:
        return (
            f"schedule {self.schedule!r} cannot be read: {self.problem}; install what is missing, "
            "use the version of trioflow that has written it, or replace or delete it"
        )


@attrs.define(eq=False, repr=False)
class WorkflowChangedError(TrioflowError, ValueError):
    """Raised when a run cannot continue because its workflow contradicts its journal."""

    run_id: str
    workflow: str
    difference: str

    def __str__(self) -> str:
        return (
            f"run {self.run_id} of workflow {self.workflow!r} cannot continue: {self.difference}; "
            "run it with the workflow it was started with, or fork it before the change"
        )


@attrs.define(eq=False, repr=False)
class CrashLoopError(TrioflowError, RuntimeError):
    """The error of a run that failed because its process died several times in a row."""

    run_id: str
    crashes: int

    def __str__(self) -> str:
        return (
            f"run {self.run_id} failed: its process died {self.crashes} times in a row while "
            "the same steps ran, the last time with no other run; find out what kills "
            "the process (memory, a crash in a library), then start the run again"
        )


@attrs.define(eq=False, repr=False)
class RunClaimedError(TrioflowError, RuntimeError):
    """Raised when a run is driven by another process or engine."""

    run_id: str
    owner: str | None = None
    held_for: float | None = None
    """Seconds until the claim expires unless it is renewed, if known."""
    call: str | None = None
    """The method of the engine that does the same from any process."""

    def __str__(self) -> str:
        owner = self.owner or "another process"
        holds = "" if self.held_for is None else f" (its claim holds for {self.held_for:.1f} s)"
        call = self.call or "engine.cancel_run(), send_event(), resume_run() or drain_run()"
        return (
            f"run {self.run_id} is running in {owner}{holds}; use {call}, which works from any "
            "process, or wait until it finishes"
        )


# ---------------------------------------------------------------- requests
@attrs.define(eq=False, repr=False)
class RequestRefusedError(TrioflowError, RuntimeError):
    """Raised when a store refuses a request for a run: a cancel, event, answer or drain."""

    run_id: str
    kind: str
    problem: str

    def __str__(self) -> str:
        return f"{self.kind} for run {self.run_id}: {self.problem}"


class InboxFullError(RequestRefusedError):
    """Raised when too many requests for a run are pending. Try again later."""


class RequestTooLargeError(RequestRefusedError, ValueError):
    """Raised when the payload of a request is too large. Store it elsewhere and send its key."""


# ---------------------------------------------------------------- plugins
@attrs.define(eq=False, slots=False)  # slots conflict with those of ImportError
class PluginError(TrioflowError):
    """Raised while plugins are loaded. Names the plugin and the remedy."""

    plugin: str
    """Name of the entry point, or of the module or object that was registered."""
    distribution: str
    """Name and version of the distribution, or ``"not from a distribution"``."""
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} ({self.distribution}): {self.problem}; {self.remedy}"


class PluginImportError(PluginError, ImportError):
    """Raised when the module of an entry point cannot be imported. Has the cause chained."""


class PluginHookError(PluginError, TypeError):
    """Raised for a hook that is misspelled, is async, has a wrong signature, or fails."""


class DuplicateIdError(PluginError, ValueError):
    """Raised when two plugins provide a step, tool or workflow under the same id."""


class UnknownPluginError(PluginError, LookupError):
    """Raised when a named plugin is not installed."""
