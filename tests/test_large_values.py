"""Large outputs are written in slices, before their events happen, and once."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
import trio

from trioflow import Workflow, open_engine, step
from trioflow._engine.journal import encoding, long_entry
from trioflow._engine.journal.codec import decode
from trioflow._engine.journal.prepared import write_in_slices
from trioflow._forms import slices
from trioflow._forms.form import MAX_DEPTH
from trioflow._forms.forms import Forms
from trioflow._forms.slices import LARGE, is_large
from trioflow._values.structure import make_converter
from trioflow.abc import Entry
from trioflow.errors import InvalidValueError
from trioflow.stores import MemoryStore

FORMS = Forms(make_converter)


@attrs.frozen
class Row:
    number: int
    words: list[str]


ROWS = [Row(number, ["a", "b"]) for number in range(3 * LARGE)]
LARGE_VALUES: list[tuple[Any, Any]] = [
    (list[int], list(range(10 * LARGE))),
    (list[Row], ROWS),
    (Any, ROWS),
    (Any, {"rows": [{"n": n} for n in range(3 * LARGE)]}),
    (dict[str, int], {str(n): n for n in range(3 * LARGE)}),
    (dict[int, int], {n: n for n in range(3 * LARGE)}),
    (tuple[list[int], str], (list(range(3 * LARGE)), "b")),
    (Row, Row(1, ["word"] * 3 * LARGE)),
    (list[int] | None, list(range(3 * LARGE))),
    (str, "é\ud800x" * 50 * LARGE),
    (bytes, b"abcd" * 200 * LARGE),
    (list[str], ["x" * 100 * LARGE] * 3),
]


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have each slice end as soon as it can, and count the checkpoints of a task beside it."""
    monkeypatch.setattr(slices, "SECONDS", -1.0)
    monkeypatch.setattr(slices, "CHARACTERS", 50 * LARGE)
    monkeypatch.setattr(slices, "TRIPLES", 30 * LARGE)
    return []


@pytest.mark.parametrize(("type_", "value"), LARGE_VALUES)
async def test_others_have_turns_while_a_large_value_is_written(
    type_: Any, value: Any, turns: list[int]
) -> None:
    async def count() -> None:
        while True:
            turns.append(1)
            await trio.lowlevel.checkpoint()

    form = FORMS.form(type_)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        prepared = await write_in_slices(form, value, [])
        nursery.cancel_scope.cancel()

    assert prepared is not None
    assert "".join(prepared.pieces) == json.dumps(
        form.dump(value, MAX_DEPTH), separators=(",", ":")
    )
    assert len(turns) >= 3


@pytest.mark.parametrize(
    "value",
    [1, "x" * 1000, [1] * 100, Row(1, ["a"]), {"a": [Row(n, []) for n in range(100)]}, b"x" * 1000],
)
def test_others_are_written_at_once(value: Any) -> None:
    assert not is_large(value)


def gives(type_: Any, value: Any) -> Workflow[Any, Any]:
    @step(output=type_)
    async def body() -> Any:
        return value

    return Workflow("w", input=Any, output=Any).then(body)


async def recorded(workflow: Workflow[Any, Any]) -> tuple[Any, MemoryStore]:
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        return await engine.submit("w", run_id="r").wait(), store


@pytest.mark.parametrize(("type_", "value"), LARGE_VALUES)
async def test_the_journal_is_the_same_and_the_value_written_once(
    type_: Any, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    dumped = encoding._dumped

    def dump(value: Any, *rest: Any) -> Any:
        seen.append(value)
        return dumped(value, *rest)

    monkeypatch.setattr(encoding, "_dumped", dump)
    result, store = await recorded(gives(type_, value))

    assert result.unwrap() is value
    assert not any(each is value for each in seen)
    async with open_engine(plugins=[], workflows=[gives(type_, value)], store=store) as engine:
        again = await (await engine.load_run("r")).wait()
    assert again.output == value
    assert len(decode("r", await store.read("r"))) == 5


async def test_items_and_whole_loops_are_written_in_slices_as_well() -> None:
    @step
    async def item(value: int) -> list[int]:
        return list(range(2 * LARGE))

    workflow = Workflow("w", input=Any, output=Any).map(lambda _: [1, 2]).foreach(item)
    result, store = await recorded(workflow)

    assert result.output == [list(range(2 * LARGE))] * 2
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        assert (await (await engine.load_run("r")).wait()).output == result.output


@pytest.mark.parametrize(("type_", "value"), LARGE_VALUES)
async def test_a_long_entry_keeps_the_parts_of_its_text(
    type_: Any, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, store = await recorded(gives(type_, value))
    plain = await store.read("r")
    monkeypatch.setattr(long_entry, "LONG", 100)
    _, other = await recorded(gives(type_, value))
    entries = await other.read("r")

    [long] = [entry for entry in entries if len(entry.parts) > 1]
    same = Entry(long.seq, long.at, plain[long.seq].text)
    assert long.text == same.text
    assert long.length == same.length == len(same.text)
    assert long == same
    assert same == long
    assert hash(long) == hash(same)
    assert long != Entry(long.seq, long.at, "x" * long.length)
    other_kind: object = long.text
    assert long != other_kind
    async with open_engine(plugins=[], workflows=[gives(type_, value)], store=other) as engine:
        assert (await (await engine.load_run("r")).wait()).output == value


async def test_what_is_wrong_deep_inside_is_told_with_its_place() -> None:
    value: list[Any] = [*range(2 * LARGE), "x"]
    result, _ = await recorded(gives(list[int], value))

    assert isinstance(result.error, InvalidValueError)
    assert result.error.faults[0].path == f"[{2 * LARGE}]"


async def test_a_run_that_is_canceled_meanwhile_ends_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slices, "SECONDS", -1.0)
    workflow = gives(list[int], list(range(100 * LARGE)))
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        run = engine.submit("w", run_id="r")
        while not run.record.calls:
            await trio.lowlevel.checkpoint()
        run.cancel("enough")
        result = await run.wait()
    assert result.status == "canceled"
    assert result.steps["body"].status == "canceled"
