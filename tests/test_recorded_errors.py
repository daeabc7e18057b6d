"""Exceptions after a restart: the same ones, if their classes are found by name."""

from __future__ import annotations

import traceback
from typing import Any

import attrs
import pytest

from tests.restarts import recorded
from trioflow import Retry, RunResult, StepContext, Workflow, open_engine, step
from trioflow.errors import InvalidValueError, TrioflowError
from trioflow.stores import MemoryStore
from trioflow.wire import RecordedError


class PaymentError(Exception):
    pass


class WithFields(Exception):  # noqa: N818
    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code, self.reason = code, reason


class Forgetful(Exception):  # noqa: N818
    """Cannot be made again: it says something else then."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = [text, object()]

    def __str__(self) -> str:
        return str(self._text[0])


class Impostor(BaseException):
    pass


class Unforgiving(RuntimeError):  # noqa: N818
    """Must not be made unless it was recorded."""

    made = 0

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        type(self).made += 1


@attrs.define(eq=False)
class Declined(TrioflowError):  # noqa: N818
    amount: int
    currency: str


def raising(error: BaseException) -> Workflow[Any, Any]:
    @step
    async def raises() -> None:
        raise error

    return Workflow("w", input=Any, output=Any).then(raises)


async def after_restart(workflow: Workflow[Any, Any]) -> tuple[RunResult[Any], MemoryStore]:
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        await engine.submit("w", run_id="r").wait()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        return await (await engine.load_run("r")).wait(), store


@pytest.mark.parametrize(
    "error",
    [
        PaymentError("declined", 5),
        KeyError("missing"),
        FileNotFoundError(2, "No such file", "a.txt"),
        WithFields(5, reason="no"),
        Declined(5, "NOK"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        ExceptionGroup("several", [PaymentError("a"), ExceptionGroup("inner", [OSError("b")])]),
        ConnectionError(),
    ],
)
async def test_it_is_the_same_exception(error: Exception) -> None:
    result, _ = await after_restart(raising(error))

    again = result.error
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert repr(again.args) == repr(error.args)
    assert {k: v for k, v in vars(again).items() if not k.startswith("__")} == vars(error)
    with pytest.raises(type(error)):
        result.unwrap()


async def test_members_are_the_same_as_well() -> None:
    group = ExceptionGroup("several", [PaymentError("a"), Forgetful("b")])
    result, _ = await after_restart(raising(group))

    assert isinstance(result.error, ExceptionGroup)
    first, second = result.error.exceptions
    assert isinstance(first, PaymentError)
    assert isinstance(second, RecordedError)
    with pytest.raises(ExceptionGroup) as caught:
        result.unwrap()
    assert caught.value.subgroup(PaymentError) is not None


async def test_notes_cause_and_traceback_are_kept() -> None:
    error = PaymentError("declined")
    error.add_note("order 5")
    error.__cause__ = KeyError("card")
    result, store = await after_restart(raising(error))

    again = result.error
    assert again is not None
    assert again.__notes__ == ["order 5"]
    assert isinstance(again.__cause__, KeyError)
    assert "order 5" in "".join(traceback.format_exception(again))
    (text,) = [text for text in await recorded(store) if '"step-result"' in text]
    assert "in raises" in text

    # And what was read can be written again, with all of it.
    workflow = raising(error)
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        forked = await (await (await engine.load_run("r")).fork("raises", run_id="s")).start()
        assert type(forked.error) is PaymentError


async def test_what_cannot_be_made_again_is_stood_for() -> None:
    for error in (Forgetful("a"), local_error()):
        result, _ = await after_restart(raising(error))

        assert isinstance(result.error, RecordedError)
        assert result.error.name == type(error).__name__
        assert str(result.error) == f"{type(error).__name__}: a"


def local_error() -> Exception:
    class Local(Exception):  # noqa: N818
        pass

    return Local("a")


async def test_arguments_that_are_no_data_are_left_out() -> None:
    result, _ = await after_restart(raising(PaymentError(object)))

    assert isinstance(result.error, RecordedError)


async def test_only_exceptions_are_made() -> None:
    workflow = raising(PaymentError("declined"))
    _, store = await after_restart(workflow)
    made = Unforgiving.made
    for name in ("Impostor", "Unforgiving.made", "WithFields.no", "Workflow", "MemoryStore"):
        changed = [
            attrs.evolve(entry, text=entry.text.replace(":PaymentError", f":{name}"))
            for entry in await store.read("r")
        ]
        other = MemoryStore()
        stored = await store.get("r")
        assert stored is not None
        await write(other, stored, changed)
        async with open_engine(plugins=[], workflows=[workflow], store=other) as engine:
            error = (await (await engine.load_run("r")).wait()).error
        assert isinstance(error, RecordedError)
        assert (error.name, error.message) == ("PaymentError", "declined")
    assert Unforgiving.made == made


async def write(store: MemoryStore, stored: Any, entries: Any) -> None:
    from trioflow.abc import Append

    append = Append(
        run_id="r", entries=tuple(entries), after=-1, status=stored.status, header=stored.header
    )
    assert await store.append([append]) == [None]


async def test_nothing_is_imported_because_a_journal_names_it() -> None:
    import sys

    workflow = raising(PaymentError("declined"))
    _, store = await after_restart(workflow)
    entries = [
        attrs.evolve(entry, text=entry.text.replace(f"{__name__}:PaymentError", "wave:Error"))
        for entry in await store.read("r")
    ]
    sys.modules.pop("wave", None)
    other, stored = MemoryStore(), await store.get("r")
    await write(other, stored, entries)
    async with open_engine(plugins=[], workflows=[workflow], store=other) as engine:
        error = (await (await engine.load_run("r")).wait()).error

    assert isinstance(error, RecordedError)
    assert "wave" not in sys.modules


async def test_a_class_that_only_retry_names_is_found() -> None:
    class Local(Exception):  # noqa: N818
        pass

    @step(retry=Retry(attempts=1, on=(Local,)))
    async def raises() -> None:
        raise Local("a")

    result, _ = await after_restart(Workflow("w", input=Any, output=Any).then(raises))

    assert type(result.error) is Local


async def test_a_nested_workflow_is_tried_again_for_it_after_a_restart() -> None:
    calls: list[str] = []

    @step
    async def pays() -> str:
        calls.append("pays")
        if len(calls) == 1:
            raise PaymentError("declined")
        return "paid"

    @step
    async def asks(value: Any, ctx: StepContext[Any]) -> Any:
        if ctx.resume_data is None:
            ctx.suspend()
        return value

    inner: Workflow[Any, Any] = Workflow("inner", input=Any, output=Any)
    workflow: Workflow[Any, Any] = Workflow(
        "w", input=Any, output=Any, retry=Retry(attempts=2, on=(PaymentError,))
    )
    workflow = workflow.then(inner.then(pays)).then(asks)
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        await engine.submit("w", run_id="r").wait()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        result = await (await engine.load_run("r")).resume(True)
    assert result.output == "paid"
    assert result.steps["inner"].attempts == 2


async def test_our_own_errors_come_back() -> None:
    @step
    async def gives() -> int:
        return "x"  # type: ignore[return-value]

    result, _ = await after_restart(Workflow("w", input=Any, output=Any).then(gives))

    assert isinstance(result.error, InvalidValueError)
    assert result.error.faults[0].expected == "int"
