"""Exceptions on their way between processes, without the processes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from tests.remote import remote_steps
from trioflow.runners.remote import (
    NotInWorkerError,
    NotPicklableError,
    PackedError,
    check_reachable,
    pack_error,
)
from trioflow.runners.remote._packing import without_interrupts
from trioflow.runners.remote._pickling import dumps
from trioflow.wire import RecordedError


def through(exc: BaseException) -> BaseException:
    """Return an exception as it comes out of another process."""
    packed: PackedError = pickle.loads(pickle.dumps(pack_error(exc)))
    return packed.unpack()


def raised(fn: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        fn()
    return caught.value


def refuse() -> None:
    try:
        raise ValueError("inner")
    except ValueError as exc:
        raise KeyError("outer") from exc


class NoStrError(Exception):
    def __str__(self) -> str:
        raise ValueError("no string")


class NoReduceError(Exception):
    def __reduce__(self) -> Any:
        raise ValueError("no pickle")


class UnmadeError(Exception):
    """Cannot be made from its args, and not by a class."""

    def __reduce__(self) -> Any:
        return _takes_nothing, (1,)


def _takes_nothing() -> None:
    """Raises TypeError if it is called with something."""


class UnreadError(Exception):
    """Cannot be read."""

    def __reduce__(self) -> Any:
        return _refuse_to_be_read, ()


def _refuse_to_be_read() -> None:
    raise RuntimeError("not read")


def test_traceback_and_cause_come_along() -> None:
    exc = through(raised(refuse))

    assert type(exc) is KeyError
    assert isinstance(exc.__cause__, ValueError)
    assert exc.__traceback__ is not None
    bare = pickle.loads(dumps(raised(refuse), bare=True))
    assert (bare.__traceback__, bare.__cause__, bare.__context__) == (None, None, None)


@pytest.mark.parametrize("cls", [NoStrError, NoReduceError, UnmadeError, UnreadError])
def test_the_class_stays_whatever_its_methods_do(cls: type[Exception]) -> None:
    exc = through(cls("x"))

    assert type(exc) is cls
    assert exc.args == ("x",)


def test_without_the_class_an_exception_is_described() -> None:
    class LocalError(Exception):
        pass

    exc = through(LocalError("here"))

    assert isinstance(exc, RecordedError)
    assert exc.name == "LocalError"


def test_an_interrupt_of_a_body_does_not_interrupt_the_program() -> None:
    alone = without_interrupts(KeyboardInterrupt("stop"))
    group = without_interrupts(BaseExceptionGroup("two", [KeyboardInterrupt(), ValueError(1)]))

    assert isinstance(alone, RecordedError)
    assert isinstance(group, BaseExceptionGroup)
    assert [type(member) for member in group.exceptions] == [RecordedError, ValueError]
    assert without_interrupts(group) is group


@pytest.mark.parametrize(
    "error",
    [
        NotPicklableError("input", "s", "a.b", "lock", "no"),
        NotInWorkerError("s", "ctx.stream_tool", "do without"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_errors_of_the_kit_survive_another_process(error: Exception) -> None:
    for copy in (pickle.loads(pickle.dumps(error)), through(error)):
        assert type(copy) is type(error)
        assert str(copy) == str(error)


def test_a_function_at_the_top_of_a_module_can_be_reached() -> None:
    check_reachable(remote_steps.shout.fn, "step 's'")
