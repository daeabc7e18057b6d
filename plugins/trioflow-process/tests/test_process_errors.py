"""Exceptions of bodies in worker processes: type, traceback, and what is around them."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from process_steps import failures
from trioflow_process import NotInWorkerError, NotPicklableError, ProcessRunner, WorkerCrashedError

from trioflow import Workflow, open_engine
from trioflow.runners.remote import PackedError, pack_error
from trioflow.wire import RecordedError


def raised(fn: Callable[..., Any], *args: Any) -> BaseException:
    """Return what a function raises."""
    with pytest.raises(BaseException) as caught:
        fn(*args)
    return caught.value


def through(exc: BaseException) -> BaseException:
    """Return an exception as it comes out of another process."""
    packed: PackedError = pickle.loads(pickle.dumps(pack_error(exc)))
    return packed.unpack()


def text_of(exc: BaseException) -> str:
    return "".join(traceback.format_exception(exc))


async def test_exceptions_come_out_of_a_worker_as_themselves() -> None:
    fail = Workflow[Any, Any]("w").then(failures.fail)
    errors = {}
    async with open_engine(plugins=[], runners={"process": ProcessRunner(1)}) as engine:
        for what in ("plain", "cause", "locked", "recursion"):
            errors[what] = (await engine.create_run(fail).start(what)).error
    plain, cause, locked, recursion = errors.values()

    assert type(plain) is ValueError
    assert plain.args == ("no", 5)
    assert plain.__notes__ == ["a note"]
    assert '"plain":\n' not in text_of(plain)
    assert "raise error\nValueError: ('no', 5)\na note" in text_of(plain).replace("    ", "")
    assert type(cause) is KeyError
    assert isinstance(cause.__cause__, ValueError)
    assert "in refuse\n" in text_of(cause)
    assert type(locked) is failures.LockedError
    assert locked.args == ("locked",)
    assert "raise LockedError\n" in text_of(locked)
    assert type(recursion) is RecursionError
    assert "fail.fn(what)" in text_of(recursion)


def test_classes_with_an_init_of_their_own() -> None:
    exc = through(raised(failures.fail, "code"))

    assert isinstance(exc, failures.CodeError)
    assert (exc.code, str(exc)) == (7, "7: seven")


def test_classes_with_slots() -> None:
    exc = through(raised(failures.fail, "fields"))

    assert isinstance(exc, failures.FieldsError)
    assert (exc.code, exc.text, exc.args) == (7, "seven", (7, "seven"))


def test_errors_of_the_system() -> None:
    exc = through(raised(failures.fail, "os"))

    assert isinstance(exc, FileNotFoundError)
    assert exc.filename == "/nowhere/at/all"


def test_groups() -> None:
    exc = through(raised(failures.fail, "group"))

    assert isinstance(exc, ExceptionGroup)
    first, second = exc.exceptions
    assert (type(first), first.args) == (ValueError, (1,))
    assert isinstance(second, failures.FieldsError)
    assert second.text == "b"


def test_exceptions_that_lead_back_to_themselves() -> None:
    exc = through(raised(failures.fail, "circle"))

    assert type(exc) is ValueError
    assert type(exc.__cause__) is KeyError
    assert exc.__cause__.__cause__ is exc


def test_what_is_around_an_exception_stays_if_it_cannot_come_along() -> None:
    exc = through(raised(failures.fail, "locked cause"))

    assert type(exc) is KeyError
    assert exc.__cause__ is None
    [note] = exc.__notes__
    assert note.startswith("In the other process:\nTraceback")
    assert "LockedError: locked" in note


def test_exceptions_that_cannot_come_keep_their_class_and_what_can_come() -> None:
    exc = through(raised(failures.fail, "locked"))

    assert isinstance(exc, failures.LockedError)
    assert exc.args == ("locked",)
    assert str(exc.lock).startswith("<unlocked _thread.lock")
    shown, reason = exc.__notes__
    assert shown.startswith("In the other process:\nTraceback")
    assert "raise LockedError" in shown
    assert reason == ("The original exception is not available here, because it cannot be pickled.")


def test_exceptions_that_cannot_be_read_keep_their_class() -> None:
    exc = through(raised(failures.fail, "unreadable"))

    assert type(exc) is ValueError
    assert exc.args == ("<unreadable: ValueError>",)
    assert exc.__notes__[-1].endswith("reading it fails with ValueError: not for reading.")


def test_exceptions_without_a_class_that_others_know_are_described() -> None:
    exc = through(raised(failures.fail, "local"))

    assert isinstance(exc, RecordedError)
    assert exc.name == "LocalError"
    assert "raise " in exc.traceback
    assert exc.__notes__ == [
        "The original exception is not available here, because it cannot be pickled."
    ]


@pytest.mark.parametrize("what", failures.HOSTILE)
def test_exceptions_keep_their_class_whatever_their_methods_do(what: str) -> None:
    exc = through(failures.HOSTILE[what]("x"))

    assert type(exc) is failures.HOSTILE[what]
    assert exc.args == ("x",)


async def test_steps_fail_with_exceptions_whatever_their_methods_do() -> None:
    hostile = Workflow[Any, Any]("w").then(failures.raise_hostile)
    async with open_engine(plugins=[], runners={"process": ProcessRunner(1)}) as engine:
        for what, cls in failures.HOSTILE.items():
            result = await engine.create_run(hostile).start(what)
            assert (result.status, type(result.error)) == ("failed", cls)


class OddError(Exception):
    """Says itself how it is pickled."""

    def __reduce__(self) -> Any:
        return OddError, self.args, {"more": 5}

    def __setstate__(self, state: Any) -> None:
        self.more = state["more"]


class UnmadeError(Exception):
    """Cannot be made from its args, and not by a class."""

    def __reduce__(self) -> Any:
        return _takes_nothing, (1,)


def _takes_nothing() -> None:
    """Raises TypeError if it is called with something."""


def test_classes_that_say_how_they_are_pickled() -> None:
    exc = through(OddError("a"))

    assert isinstance(exc, OddError)
    assert (exc.args, exc.more) == (("a",), 5)
    assert isinstance(through(UnmadeError()), UnmadeError)


@pytest.mark.parametrize(
    "error",
    [
        WorkerCrashedError("s", 3),
        NotPicklableError("input", "s", "a.b", "lock", "no"),
        NotInWorkerError("s", "ctx.stream_tool", "do without"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_our_errors_survive_another_process(error: Exception) -> None:
    for copy in (pickle.loads(pickle.dumps(error)), through(error)):
        assert type(copy) is type(error)
        assert str(copy) == str(error)
