"""Every error: its text says what, where and what to do, and it survives another process."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import attrs
import pytest

from trioflow import errors
from trioflow.errors import (
    SHOWN_FAULTS,
    AmbiguousResumeError,
    CrashLoopError,
    DamagedValueError,
    DefinitionError,
    DuplicateIdError,
    DuplicateRunError,
    EventTimeoutError,
    Fault,
    FaultsError,
    HistoryGap,
    InboxFullError,
    InvalidAddressError,
    InvalidIdError,
    InvalidValueError,
    JournalConflictError,
    JournalFormatError,
    MailboxFullError,
    MappingError,
    MissingValueError,
    NonRetryableError,
    NoResultError,
    NotResumableError,
    NotSerializableError,
    NotSuspendedError,
    NoValueStoreError,
    PluginError,
    PluginHookError,
    PluginImportError,
    RequestRefusedError,
    RequestTooLargeError,
    ResourceTypeError,
    RunAlreadyStartedError,
    RunCanceledError,
    RunClaimedError,
    RunFinishedError,
    RunnerFailedError,
    RunStateError,
    RunSuspendedError,
    StepClosedError,
    StepTimeoutError,
    StoreError,
    StoreMissingError,
    TrioflowError,
    Tripwire,
    UnknownNameError,
    UnknownOptionError,
    UnknownPluginError,
    UnknownRunError,
    UnknownStepError,
    UnreadableRunError,
    UnreadableScheduleError,
    ValueStoreError,
    WireFormatError,
    WorkflowChangedError,
    name_and_message,
    suggest,
)
from trioflow.wire import RecordedError

EXAMPLES: list[tuple[TrioflowError, str]] = [
    (
        errors.TickTakenError("nightly", "2026-11-30T01:30:00+00:00"),
        (
            "the tick of schedule 'nightly' at 2026-11-30T01:30:00+00:00 has started, or is about "
            "to; a tick starts only once"
        ),
    ),
    (
        errors.NotInTrioError("a run was started", True),
        (
            "a run was started under asyncio, but trioflow runs on Trio: do it in a function that "
            "trio.run() calls; serve Starlette, FastAPI or Quart with Hypercorn's Trio worker "
            "(hypercorn --worker-class trio app:app)"
        ),
    ),
    (
        NotResumableError("r1", "running", "it does not wait for an answer"),
        "run r1 is running: it does not wait for an answer",
    ),
    (
        NotSuspendedError("r1", "step 'a'", ("b", "n.c[2]")),
        "run r1: step 'a' is not suspended; suspended steps: b, n.c[2]",
    ),
    (
        AmbiguousResumeError("r1", "any step", ("a", "b")),
        "run r1: any step is ambiguous: a, b; pass step=, label= or index=",
    ),
    (StoreError("sqlite:runs.db", "the disk is full"), "store sqlite:runs.db: the disk is full"),
    (
        StoreMissingError("sqlite:runs.db", "there is no such file"),
        "store sqlite:runs.db: there is no such file",
    ),
    (
        ValueStoreError("FolderValues('values')", "the folder does not exist", True),
        "value store FolderValues('values'): the folder does not exist",
    ),
    (
        MissingValueError("FolderValues('values')", "r1/7"),
        (
            "value r1/7 is not in value store FolderValues('values'): "
            "its run was deleted, or it was put into another store"
        ),
    ),
    (
        DamagedValueError("FolderValues('values')", "r1/7", "its 2 bytes are not the 3"),
        "value r1/7 in value store FolderValues('values'): its 2 bytes are not the 3",
    ),
    (
        NoValueStoreError("step 'render'"),
        (
            "step 'render': there is no value store; "
            "open an engine with one: open_engine(values=FolderValues(path)); "
            "for the command line, set TRIOFLOW_VALUES=folder:PATH"
        ),
    ),
    (
        JournalConflictError("r1", "the run does not exist"),
        "journal of run r1: the run does not exist",
    ),
    (
        JournalFormatError("r1", 7, "it is not JSON"),
        (
            "journal of run r1 cannot be read at entry 7: it is not JSON; "
            "the run can still be canceled or deleted"
        ),
    ),
    (
        JournalFormatError("r1", None, "0 is no format of a journal"),
        (
            "journal of run r1 cannot be read: 0 is no format of a journal; "
            "the run can still be canceled or deleted"
        ),
    ),
    (
        UnreadableRunError(
            "r1",
            "w",
            3,
            "output of step 'order'",
            "Order",
            '{"number": 1}',
            (Fault("currency", "required key is missing"),),
        ),
        (
            "run r1 of workflow 'w' cannot continue: the recorded output of step 'order' (seq 3) "
            "does not fit Order: currency: required key is missing; stored: "
            '{"number": 1}; make Order accept it again (a new field needs a default), '
            "or cancel the run"
        ),
    ),
    (
        UnreadableScheduleError("nightly", "its zone is not known here"),
        (
            "schedule 'nightly' cannot be read: its zone is not known here; install what is "
            "missing, use the version of trioflow that has written it, or replace or delete it"
        ),
    ),
    (
        WorkflowChangedError("r1", "w", "node 0 was then 'a' and is then 'b'"),
        (
            "run r1 of workflow 'w' cannot continue: node 0 was then 'a' and is then 'b'; "
            "run it with the workflow it was started with, or fork it before the change"
        ),
    ),
    (
        RunClaimedError("r1", "host:1", 4.2),
        "run r1 is running in host:1 (its claim holds for 4.2 s); use engine.cancel_run()",
    ),
    (
        CrashLoopError("r1", 4),
        "run r1 failed: its process died 4 times in a row while the same steps ran",
    ),
    (
        DefinitionError("step 'a'", "timeout is -1", "give it a number of seconds > 0"),
        "step 'a': timeout is -1; give it a number of seconds > 0",
    ),
    (
        UnknownStepError("fetsh", "w", ("fetch", "read")),
        "workflow 'w' uses unknown step 'fetsh'; did you mean 'fetch'?",
    ),
    (
        UnknownStepError("x", "w", (), "files"),
        "workflow 'w' of plugin 'files' uses unknown step 'x'; is its plugin installed?",
    ),
    (
        UnknownOptionError("step 'a'", "there is no option 'retires'", "did you mean 'retry'?"),
        "step 'a': there is no option 'retires'; did you mean 'retry'?",
    ),
    (
        UnknownNameError("limit", "gpu", "step 'a'", ()),
        (
            "step 'a': unknown limit 'gpu'; known: none; "
            'give it a number with limit=Limit("...", 5) or open_engine(limits={...})'
        ),
    ),
    (
        UnknownNameError("resource", "htp", "step 'a'", ("http",)),
        (
            "step 'a': unknown resource 'htp'; did you mean 'http'?; "
            "open it with open_engine(resources={...}) or trioflow_resources()"
        ),
    ),
    (
        ResourceTypeError("step 'a'", "http", "AsyncClient", "str"),
        (
            "step 'a': resource 'http' is of type str, not AsyncClient; "
            "ask for that type, or open another resource under this name"
        ),
    ),
    (
        UnknownNameError("runner", "thred", "step 'a'", ("inline", "thread")),
        "step 'a': unknown runner 'thred'; did you mean 'thread'?",
    ),
    (
        FaultsError((Fault("city.name", "unknown key"), Fault("", "too far away"))),
        "city.name: unknown key; value: too far away",
    ),
    (
        InvalidValueError("input", "step 'a'", (Fault("items[2]", "expected int", "int", "str"),)),
        "input of step 'a' is invalid: items[2]: expected int",
    ),
    (
        InvalidValueError("arguments", "tool 't'", (Fault("b", "argument is missing"),)),
        "arguments of tool 't' are invalid: b: argument is missing",
    ),
    (
        InvalidValueError("input", "step 'b'", (Fault("", "expected int"),), "step 'a'"),
        "input of step 'b' is invalid: value: expected int; passed by step 'a'",
    ),
    (
        MappingError("step 'a'", "b.c", "dict has no 'b'"),
        (
            "mapping: no 'b.c' in step 'a': dict has no 'b'; "
            "use a function as the source to supply a fallback"
        ),
    ),
    (
        NoResultError("a"),
        (
            "step 'a' has no output in this workflow yet; "
            "pass a default to step_result() if that may happen"
        ),
    ),
    (
        NotSerializableError("output.file", "is a TextIOWrapper, which has no JSON form"),
        (
            "output.file is a TextIOWrapper, which has no JSON form; "
            "register an unstructure hook with trioflow_converter"
        ),
    ),
    (
        NotSerializableError("", "is the float nan, which JSON does not have", "use None"),
        "value is the float nan, which JSON does not have; use None",
    ),
    (
        NotSerializableError("[0]" * 100, "is nested"),
        (
            f"{'[0]' * 33}[…]{'[0]' * 33} is nested; "
            "register an unstructure hook with trioflow_converter"
        ),
    ),
    (
        InvalidAddressError("2/x", 2, "what must stand there"),
        "'2/x' is not an address: at character 2, 'x': what must stand there",
    ),
    (WireFormatError("no 'type'"), "not a trioflow wire event: no 'type'"),
    (NonRetryableError("the account is closed"), "the account is closed"),
    (Tripwire("it names people", True, {"names": 2}, "no-names"), "it names people"),
    (RunnerFailedError("a", "Pool(2)"), "the runner Pool(2) of step 'a' failed; see the cause"),
    (
        StepTimeoutError("a", 1.5),
        (
            "step 'a' took longer than its timeout of 1.5 s; "
            "give it a longer one, or more attempts with retry=Retry(...)"
        ),
    ),
    (
        EventTimeoutError("go", "a", 2.0),
        (
            "step 'a' timed out after 2.0 s waiting for event 'go'; "
            "send it with run.send_event(), or wait longer"
        ),
    ),
    (
        errors.AskTimeoutError("a", "boss"),
        (
            "step 'a' got no answer to question 'boss' in time; "
            "handle the time-out, or give the ask a longer timeout="
        ),
    ),
    (
        errors.AskMismatchError("a", "#1", "it asked for bool, and asks for int now"),
        (
            "question '#1' of step 'a' is not the recorded one: it asked for bool, and asks for "
            "int now; ask the same question each time the body runs, or use another label"
        ),
    ),
    (
        errors.AskLabelError("a", None, "another question of this call waits for its answer"),
        (
            "step 'a' cannot ask without a label: another question of this call waits for its "
            "answer; give each question that is asked at the same time its own label"
        ),
    ),
    (
        errors.AskLabelError("a", "b", "this attempt has used the label before"),
        (
            "step 'a' cannot ask with the label 'b': this attempt has used the label before; "
            "give each question that is asked at the same time its own label"
        ),
    ),
    (
        errors.RunTimeoutError("r", "w", 60.0),
        ("workflow 'w' of run r has not finished by its deadline; give it a longer timeout="),
    ),
    (StepClosedError("a"), "step 'a' has ended; use its context only while its body runs"),
    (RunStateError("r1", "running", "it cannot be resumed"), "run r1 is running: it cannot be"),
    (
        RunAlreadyStartedError("r1", "success", "create a run for each start"),
        "run r1 has succeeded: create a run for each start",
    ),
    (RunFinishedError("r1", "failed", "'go' comes too late"), "run r1 has failed: 'go' comes"),
    (
        InvalidIdError("run id", "a\0b", "contains NUL"),
        "run id 'a\\x00b' contains NUL; use short strings of ordinary characters",
    ),
    (InvalidIdError("tag", "x" * 999, "is long"), f"tag '{'x' * 56}... is long; use short"),
    (
        DuplicateRunError("r1"),
        "run 'r1' already exists, and run ids are used once; get that run with load_run()",
    ),
    (
        UnknownRunError("r1"),
        "there is no run 'r1'; get_run() finds finished runs only while you keep a reference",
    ),
    (RunCanceledError("r1"), "run r1 was canceled"),
    (RunCanceledError("r1", "too late"), "run r1 was canceled: too late"),
    (
        RunSuspendedError("r1", (("outer", "ask"), ("b",))),
        "run r1 is suspended at outer.ask, b; resume it to get its output",
    ),
    (
        HistoryGap(7),
        "events before seq 7 are no longer held; observe(after=6) continues from there",
    ),
    *(
        (refused("r1", "event", "it has text with NUL"), "event for run r1: it has text with NUL")
        for refused in (RequestRefusedError, InboxFullError, RequestTooLargeError)
    ),
    (
        MailboxFullError("go", 1000),
        (
            "1000 events 'go' are queued and no step takes them; "
            "does the workflow wait for an event with this name?"
        ),
    ),
    *(
        (
            cls("files", "trioflow-files 0.1", "it cannot be imported", "repair it"),
            "plugin 'files' (trioflow-files 0.1): it cannot be imported; repair it",
        )
        for cls in (
            PluginError,
            PluginImportError,
            PluginHookError,
            DuplicateIdError,
            UnknownPluginError,
        )
    ),
]

each_error = pytest.mark.parametrize(
    ("error", "text"), EXAMPLES, ids=[type(error).__name__ for error, _ in EXAMPLES]
)


def subclasses(cls: type[TrioflowError]) -> Iterator[type[TrioflowError]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def test_every_error_class_has_an_example_here() -> None:
    ours = {cls for cls in subclasses(TrioflowError) if cls.__module__ == errors.__name__}

    assert ours == {type(error) for error, _ in EXAMPLES}


@each_error
def test_the_text_says_what_where_and_what_to_do(error: TrioflowError, text: str) -> None:
    assert str(error).startswith(text)


@each_error
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling(error: TrioflowError, text: str, protocol: int) -> None:
    again = pickle.loads(pickle.dumps(error, protocol))

    assert type(again) is type(error)
    assert again.args == error.args
    assert str(again) == str(error)
    cls = type(error)
    fields = [field.name for field in attrs.fields(cls)] if attrs.has(cls) else []
    assert [getattr(again, name) for name in fields] == [getattr(error, name) for name in fields]


@each_error
def test_an_error_can_be_copied_and_tells_its_fields(error: TrioflowError, text: str) -> None:
    again = copy.deepcopy(error)

    assert str(again) == str(error)
    assert repr(again) == repr(error)
    assert repr(error).startswith(type(error).__name__)


@each_error
def test_an_error_can_be_raised_with_a_cause_and_notes(error: TrioflowError, text: str) -> None:
    cause, error = KeyError("cause"), copy.copy(error)
    error.add_note("while testing")

    with pytest.raises(type(error)) as caught:
        raise error from cause

    assert caught.value.__cause__ is cause
    assert caught.value.__notes__ == ["while testing"]
    # Two errors with the same fields are two errors, or a group could not tell them apart.
    assert len({error, copy.copy(error)}) == 2


BUILT_IN = {
    DefinitionError: ValueError,
    UnknownOptionError: TypeError,
    UnknownStepError: LookupError,
    UnknownNameError: LookupError,
    ResourceTypeError: TypeError,
    FaultsError: ValueError,
    InvalidValueError: ValueError,
    MappingError: LookupError,
    NoResultError: LookupError,
    NotSerializableError: ValueError,
    WireFormatError: ValueError,
    InvalidAddressError: ValueError,
    RunnerFailedError: RuntimeError,
    StepTimeoutError: TimeoutError,
    EventTimeoutError: TimeoutError,
    StepClosedError: RuntimeError,
    RunStateError: RuntimeError,
    NotSuspendedError: LookupError,
    AmbiguousResumeError: LookupError,
    InvalidIdError: ValueError,
    DuplicateRunError: ValueError,
    UnknownRunError: LookupError,
    RunCanceledError: RuntimeError,
    RunSuspendedError: RuntimeError,
    HistoryGap: LookupError,
    MailboxFullError: RuntimeError,
    StoreError: RuntimeError,
    StoreMissingError: LookupError,
    ValueStoreError: RuntimeError,
    MissingValueError: LookupError,
    DamagedValueError: ValueError,
    NoValueStoreError: RuntimeError,
    JournalConflictError: RuntimeError,
    JournalFormatError: ValueError,
    UnreadableRunError: ValueError,
    UnreadableScheduleError: ValueError,
    WorkflowChangedError: ValueError,
    CrashLoopError: RuntimeError,
    RunClaimedError: RuntimeError,
    RequestRefusedError: RuntimeError,
    Tripwire: RuntimeError,
    RequestTooLargeError: ValueError,
    PluginImportError: ImportError,
    PluginHookError: TypeError,
    DuplicateIdError: ValueError,
    UnknownPluginError: LookupError,
}


@pytest.mark.parametrize(("error", "built_in"), BUILT_IN.items())
def test_an_error_is_caught_as_the_nearest_built_in_exception(
    error: type[TrioflowError], built_in: type[Exception]
) -> None:
    assert issubclass(error, built_in)


def test_every_error_has_a_built_in_base_or_an_own_base_class() -> None:
    bases = (TrioflowError, NonRetryableError, PluginError)
    without = {
        cls
        for cls in subclasses(TrioflowError)
        if cls.__module__ == errors.__name__
        and not issubclass(cls, (ValueError, LookupError, RuntimeError, TypeError, OSError))
        and not issubclass(cls, ImportError)
    }

    assert without <= set(bases)


def test_what_an_exception_says_is_told_whatever_its_class_does() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise OSError

    assert name_and_message(ValueError("x")) == ("ValueError", "x")
    assert name_and_message(RecordedError("ValueError", "x")) == ("ValueError", "x")
    assert name_and_message(MuteError()) == ("MuteError", "")


def test_time_outs_are_time_outs_to_everyone() -> None:
    own = (errors.AskTimeoutError, errors.RunTimeoutError)
    for cls in (StepTimeoutError, EventTimeoutError, *own):
        assert issubclass(cls, TimeoutError)


def test_the_text_of_very_many_faults_stays_readable() -> None:
    faults = tuple(Fault(f"[{i}]", "expected int, received str") for i in range(SHOWN_FAULTS))
    all_shown = InvalidValueError("input", "step 'a'", faults)
    some_hidden = InvalidValueError("input", "step 'a'", faults * 1000)

    assert "more" not in str(all_shown)
    assert f"[{SHOWN_FAULTS - 1}]: expected" in str(all_shown)
    assert str(some_hidden).endswith(f"; and {SHOWN_FAULTS * 999} more")
    assert len(some_hidden.faults) == SHOWN_FAULTS * 1000


def test_a_fault_without_a_path_is_about_the_value_itself() -> None:
    assert str(Fault("", "too large")) == "value: too large"
    assert str(Fault("a[0].b", "too large")) == "a[0].b: too large"


def test_a_suggestion_is_made_for_close_names_only() -> None:
    assert suggest("fetsh", iter(["fetch"]), "none known") == "did you mean 'fetch'?"
    assert suggest("fetsh", ["read"], "none known") == "none known"


def test_what_an_own_plugin_provides_is_told_with_its_name() -> None:
    unknown = UnknownNameError("store", "sqlite", "open_engine", ("memory",))

    assert str(unknown) == (
        "open_engine: unknown store 'sqlite'; known: memory; "
        "install trioflow-sql, which provides it"
    )
