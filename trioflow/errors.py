"""Every error a caller may want to catch, one class each.

The values are fields and the text is built from them: what was wrong, where, and what to
do next. Fields are positional, so that an error survives pickling and can cross a process.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import attrs


class TrioflowError(Exception):
    """Base of all errors that trioflow raises itself."""


def suggest(wrong: str, known: Iterable[str], otherwise: str) -> str:
    """Return "did you mean 'x'?" when a known name is close, else *otherwise*."""
    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise


# ---------------------------------------------------------------- definitions
@attrs.define(eq=False)
class DefinitionError(TrioflowError):
    """Raised when a step, tool or workflow is declared in a way that cannot work."""

    where: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}; {self.remedy}"


@attrs.define(eq=False)
class UnknownStepError(TrioflowError):
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


@attrs.define(eq=False)
class UnknownNameError(TrioflowError):
    """Raised when a workflow, runner, limit or store is asked for by a name nobody knows."""

    kind: str
    name: str
    where: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        listing = ", ".join(self.known) or "none"
        hint = suggest(self.name, self.known, f"known: {listing}")
        plugin = _PLUGINS.get((self.kind, self.name))
        remedy = f"; install {plugin}, which provides it" if plugin else ""
        return f"{self.where}: unknown {self.kind} {self.name!r}; {hint}{remedy}"


_PLUGINS = {
    ("store", "sqlite"): "trioflow-sql",
    ("store", "postgresql"): "trioflow-sql[postgresql]",
    ("runner", "process"): "trioflow-process",
}
"""What the project's own plugins provide, for those who have read of it and not installed it."""


# ---------------------------------------------------------------- values
@attrs.frozen
class Fault:
    """One thing wrong with a value."""

    path: str
    """Where in the value: ``"city.name"``, ``"items[2]"``, or ``""`` for the value itself."""
    problem: str
    expected: str = ""
    """The type that was wanted, if the fault is a wrong type."""
    received: str = ""
    """The type that was found, if the fault is a wrong type."""

    def __str__(self) -> str:
        return f"{self.path or 'value'}: {self.problem}"


@attrs.define(eq=False)
class FaultsError(TrioflowError):
    """Raise it in a structure hook of your own types to say what is wrong, and where."""

    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults))


SHOWN_FAULTS = 20
"""How many faults the text of an error lists; a long list of wrong items has very many."""


@attrs.define(eq=False)
class InvalidValueError(TrioflowError):
    """Raised when a value does not fit the type it is meant for. Never retried."""

    what: str
    """Which value: ``"input"``, ``"output"``, ``"state"``, ``"resume data"``, ``"event data"``."""
    owner: str
    """Whose value: ``"step 'plan_day'"``, ``"workflow 'weather'"``."""
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        listing = "; ".join(map(str, self.faults[:SHOWN_FAULTS]))
        hidden = len(self.faults) - SHOWN_FAULTS
        more = f"; and {hidden} more" if hidden > 0 else ""
        return f"{self.what} of {self.owner} is invalid: {listing}{more}"


@attrs.define(eq=False)
class MappingError(TrioflowError):
    """Raised when the source of a mapping leads nowhere."""

    source: str
    """What was looked at: ``"step 'a'"``, ``"input"``, ``"context"``, ``"state"``, ``"data"``."""
    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"mapping: no {self.path!r} in {self.source}: {self.problem}; "
            "a function as source could say what to take instead"
        )


@attrs.define(eq=False)
class NoResultError(TrioflowError):
    """Raised by ``ctx.step_result(step)`` for a step that has not ended with success."""

    step: str

    def __str__(self) -> str:
        return (
            f"step {self.step!r} has no result in this workflow so far; "
            "pass a default to step_result() if that may happen"
        )


LONGEST_PATH = 200
"""How many characters of a path the message of an error shows; a value may be nested deeply."""


@attrs.define(eq=False)
class NotSerializableError(TrioflowError, ValueError):
    """Raised when a value cannot be written as JSON, or could not be read again."""

    path: str
    """Where in the value: ``"output.file"``, or ``""`` for the value itself."""
    problem: str
    """What is wrong with it: ``"is a TextIOWrapper, which has no JSON form"``."""
    remedy: str = "register an unstructure hook with trioflow_converter"

    def __str__(self) -> str:
        path, half = self.path or "value", LONGEST_PATH // 2
        if len(path) > LONGEST_PATH:
            path = f"{path[:half]}…{path[-half:]}"
        return f"{path} {self.problem}; {self.remedy}"


@attrs.define(eq=False)
class WireFormatError(TrioflowError, ValueError):
    """Raised when a string or an object is not an event on the wire."""

    problem: str

    def __str__(self) -> str:
        return f"not a trioflow wire event: {self.problem}"


@attrs.define(eq=False)
class InvalidAddressError(TrioflowError, ValueError):
    """Raised when a string is not the address of a call."""

    text: str
    at: int
    """Position of the first character that does not fit, counted from 0."""
    problem: str

    def __str__(self) -> str:
        text = self.text if len(self.text) <= 100 else f"{self.text[:100]}..."
        rest = self.text[self.at : self.at + 10]
        found = f"character {self.at}, {rest!r}" if rest else "the end"
        return f"{text!r} is not an address: at {found}: {self.problem}"


# ---------------------------------------------------------------- steps
class NonRetryableError(TrioflowError):
    """Raise it (or a subclass) in a step or tool to fail without any further attempt."""


@attrs.define(eq=False)
class StepTimeoutError(TrioflowError, TimeoutError):
    """Raised when an attempt took longer than the ``timeout`` of its step or tool."""

    step: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"step {self.step!r} took longer than its timeout of {self.seconds} s; "
            "give it a longer one, or more attempts with retry=Retry(...)"
        )


@attrs.define(eq=False)
class EventTimeoutError(TrioflowError, TimeoutError):
    """Raised when no event arrived within the ``timeout`` of a wait."""

    event: str
    step: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"step {self.step!r} waited {self.seconds} s for event {self.event!r} in vain; "
            "send it with run.send_event(), or wait longer"
        )


@attrs.define(eq=False)
class StepClosedError(TrioflowError):
    """Raised when a context is used after its step call has ended."""

    step: str

    def __str__(self) -> str:
        return f"step {self.step!r} has ended; use its context only while its body runs"


# ---------------------------------------------------------------- runs
@attrs.define(eq=False)
class RunStateError(TrioflowError):
    """Raised when a run is asked for something that its status does not allow."""

    run_id: str
    status: str
    problem: str

    def __str__(self) -> str:
        return f"run {self.run_id} is {self.status}: {self.problem}"


class RunAlreadyStartedError(RunStateError):
    """Raised by the second ``stream()`` or ``start()`` of one run. Create a run for each."""


class RunFinishedError(RunStateError):
    """Raised when something is sent to a run that is over."""


class NotResumableError(RunStateError):
    """Raised when a run is resumed that neither waits for an answer nor is paused."""


@attrs.define(eq=False)
class NotSuspendedError(TrioflowError):
    """Raised when an answer is meant for a step that does not wait for one."""

    run_id: str
    wanted: str
    available: tuple[str, ...]
    """What waits for an answer."""

    def __str__(self) -> str:
        listing = ", ".join(self.available) or "nothing"
        return f"run {self.run_id}: {self.wanted} does not wait for an answer; {listing} does"


@attrs.define(eq=False)
class AmbiguousResumeError(TrioflowError):
    """Raised when an answer may be meant for several steps."""

    run_id: str
    wanted: str
    candidates: tuple[str, ...]

    def __str__(self) -> str:
        listing = ", ".join(self.candidates)
        return f"run {self.run_id}: {self.wanted} may be any of {listing}; say which one"


@attrs.define(eq=False)
class InvalidIdError(TrioflowError, ValueError):
    """Raised when a run is to be named by something that not every store can hold."""

    what: str
    """What it is: ``"run id"``, ``"resource id"``, ``"tag"``, ``"tags"``."""
    value: object
    problem: str

    def __str__(self) -> str:
        shown = ascii(self.value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return f"{self.what} {shown} {self.problem}; use short strings of ordinary characters"


@attrs.define(eq=False)
class DuplicateRunError(TrioflowError):
    """Raised when a run id is used twice, in one engine or in its store."""

    run_id: str

    def __str__(self) -> str:
        return (
            f"there is a run {self.run_id!r} already, and run ids are used once; "
            'get that run with load_run(), or with submit(..., if_exists="attach")'
        )


@attrs.define(eq=False)
class UnknownRunError(TrioflowError):
    """Raised when an engine is asked for a run that it does not know."""

    run_id: str

    def __str__(self) -> str:
        return (
            f"this engine has no run {self.run_id!r}; "
            "it forgets runs that nobody holds, and submitted ones a while after their end"
        )


@attrs.define(eq=False)
class RunCanceledError(TrioflowError):
    """Raised by ``RunResult.unwrap()`` when the run was canceled."""

    run_id: str
    reason: str | None = None

    def __str__(self) -> str:
        return f"run {self.run_id} was canceled" + (f": {self.reason}" if self.reason else "")


@attrs.define(eq=False)
class RunSuspendedError(TrioflowError):
    """Raised by ``RunResult.unwrap()`` when the run waits for an answer."""

    run_id: str
    paths: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        listing = ", ".join(".".join(path) for path in self.paths)
        return f"run {self.run_id} is suspended at {listing}; resume it to get its result"


@attrs.define(eq=False)
class HistoryGap(TrioflowError):  # noqa: N818 - a fact about a stream, like EndOfChannel
    """Raised to an observer for whom some events are gone for good."""

    first_available: int
    """The lowest ``seq`` that can still be had."""

    def __str__(self) -> str:
        return (
            f"events before seq {self.first_available} are no longer held; "
            f"observe(after={self.first_available - 1}) goes on from there"
        )


@attrs.define(eq=False)
class MailboxFullError(TrioflowError):
    """Raised by ``send_event`` when too many events wait for someone to take them."""

    event: str
    limit: int

    def __str__(self) -> str:
        return (
            f"{self.limit} events {self.event!r} are waiting already and no step takes them; "
            "is that the name that the workflow waits for?"
        )


# ---------------------------------------------------------------- journals
@attrs.define(eq=False)
class StoreError(TrioflowError):
    """Raised when the storage behind a store does not do what it should."""

    store: str
    """Which store, as its URL says without passwords: ``"sqlite:runs.db"``."""
    problem: str
    transient: bool = False
    """Whether another try may help: a lock, a lost connection."""

    def __str__(self) -> str:
        return f"store {self.store}: {self.problem}"


class StoreMissingError(StoreError):
    """Raised when a store is only to be read, and there is none at the place that its URL names."""


@attrs.define(eq=False)
class JournalConflictError(TrioflowError):
    """Raised when someone else has written to a run's journal, or it is not what it should be."""

    run_id: str
    problem: str

    def __str__(self) -> str:
        return f"journal of run {self.run_id}: {self.problem}"


@attrs.define(eq=False)
class JournalFormatError(TrioflowError, ValueError):
    """Raised when a journal is damaged, or was written by a later version of trioflow."""

    run_id: str
    seq: int | None
    """The entry that cannot be read, or None if it is what the store knows of the run itself."""
    problem: str

    def __str__(self) -> str:
        where = "" if self.seq is None else f" at entry {self.seq}"
        return (
            f"journal of run {self.run_id} cannot be read{where}: {self.problem}; "
            "the run can still be canceled or deleted"
        )


@attrs.define(eq=False)
class UnreadableRunError(TrioflowError, ValueError):
    """Raised when a run cannot continue because a recorded value does not fit its type any more.

    Nothing was changed: the run can be shown, canceled and deleted, and it continues with a
    version of the workflow that can read the value.
    """

    run_id: str
    workflow: str
    seq: int
    """The event that holds the value."""
    where: str
    """Which value it is: ``"output of step 'plan_day'"``."""
    wanted: str
    """The name of the type that it should have."""
    stored: str
    """What is stored, as the beginning of its JSON text."""
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        faults = "; ".join(map(str, self.faults))
        return (
            f"run {self.run_id} of workflow {self.workflow!r} cannot continue: the recorded "
            f"{self.where} (seq {self.seq}) does not fit {self.wanted}: {faults}; "
            f"stored is {self.stored}; let {self.wanted} take it again (a new field needs a "
            "default), or cancel the run"
        )


@attrs.define(eq=False)
class WorkflowChangedError(TrioflowError):
    """Raised when a run cannot go on because its workflow contradicts what is recorded."""

    run_id: str
    workflow: str
    difference: str

    def __str__(self) -> str:
        return (
            f"run {self.run_id} of workflow {self.workflow!r} cannot go on: {self.difference}; "
            "run it with the workflow it was started with, or travel back before the change"
        )


@attrs.define(eq=False)
class CrashLoopError(TrioflowError):
    """The error of a run that was given up because its process died again and again."""

    run_id: str
    crashes: int

    def __str__(self) -> str:
        return (
            f"run {self.run_id} was given up: its process died {self.crashes} times in a row while "
            "the same steps ran, the last time with no other run beside it; find out what takes "
            "the process down (memory, a crash in a library), then start the run again"
        )


@attrs.define(eq=False)
class RunClaimedError(TrioflowError):
    """Raised when a run is going on elsewhere, in another process or engine."""

    run_id: str
    owner: str | None = None
    held_for: float | None = None
    """For how many seconds the claim still holds unless it is renewed, if that is known."""
    call: str | None = None
    """The method of the engine that does from any process what was asked for."""

    def __str__(self) -> str:
        owner = self.owner or "another process"
        holds = "" if self.held_for is None else f" (its claim holds for {self.held_for:.1f} s)"
        call = self.call or "engine.cancel_run(), send_event(), resume_run() or drain_run()"
        return (
            f"run {self.run_id} is running in {owner}{holds}; use {call}, which works from any "
            "process, or wait until it finishes"
        )


# ---------------------------------------------------------------- requests
@attrs.define(eq=False)
class RequestRefusedError(TrioflowError):
    """Raised when a store does not take a request for a run: a cancel, event, answer or drain."""

    run_id: str
    kind: str
    problem: str

    def __str__(self) -> str:
        return f"{self.kind} for run {self.run_id}: {self.problem}"


class InboxFullError(RequestRefusedError):
    """Raised when too many requests for a run are pending. Try again when it has taken some."""


class RequestTooLargeError(RequestRefusedError):
    """Raised when the payload of a request is too large. Store it elsewhere and send its key."""


# ---------------------------------------------------------------- plugins
@attrs.define(eq=False)
class PluginError(TrioflowError):
    """Raised while the plugins are loaded. Names the culprit and what to do."""

    plugin: str
    """The name of the entry point, or of the module or object that was registered."""
    distribution: str
    """Name and version of the distribution, or ``"not from a distribution"``."""
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} ({self.distribution}): {self.problem}; {self.remedy}"


class PluginImportError(PluginError):
    """Raised when the module of an entry point cannot be imported. The cause is chained."""


class PluginHookError(PluginError):
    """Raised for a hook that is misspelled, async, has a wrong signature, or fails."""


class DuplicateIdError(PluginError):
    """Raised when two plugins provide a step, tool or workflow under one id."""


class UnknownPluginError(PluginError):
    """Raised when a plugin is chosen or blocked by a name that is not installed."""
