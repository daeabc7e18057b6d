"""Large values by reference: bytes in a value store, references in journals."""

from __future__ import annotations

import datetime as dt
import hashlib
import pickle
import sys
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.value_stores import KINDS, Failing, contents, keys
from trioflow import Engine, Every, Schedule, StepContext, Workflow, open_engine, step
from trioflow._forms.forms import Forms
from trioflow.abc import Append, Codec, ValueStore
from trioflow.context import BlockingStepContext
from trioflow.errors import (
    DamagedValueError,
    InvalidValueError,
    JournalConflictError,
    MissingValueError,
    NotSerializableError,
    NoValueStoreError,
    StoreError,
    ValueStoreError,
)
from trioflow.events import Event
from trioflow.stores import MemoryStore
from trioflow.testing import check_events
from trioflow.values import FolderValues, MemoryValues, ValueRef
from trioflow.values._contents import Contents
from trioflow.values._names import (
    FREE,
    OURS,
    content_key,
    name_of_run,
    new_key,
    run_of_name,
    use_keys,
)
from trioflow.wire._converter import make_wire_converter

FILM = bytes(range(256)) * 400


@attrs.frozen
class Scene:
    title: str
    frames: tuple[int, ...] = ()
    at: dt.datetime | None = None


@step
async def render(size: int, ctx: StepContext) -> ValueRef[bytes]:
    return await ctx.put(FILM[:size])


@step
def measure(film: ValueRef[bytes], ctx: StepContext) -> int:
    return len(trio.from_thread.run(ctx.get, film))


@step
async def approve(film: ValueRef[bytes], ctx: StepContext) -> ValueRef[bytes]:
    if not ctx.resumed:
        ctx.suspend()
    return film


films = Workflow("films", input=int, output=int).then(render).then(measure)
reviewed = Workflow("reviewed", input=int, output=int).then(render).then(approve).then(measure)
shown = Workflow("shown", input=ValueRef[bytes], output=int).then(measure)


@pytest.fixture(params=KINDS)
def values(request: pytest.FixtureRequest, tmp_path: Path) -> ValueStore:
    return KINDS[request.param](tmp_path)


def opened(
    values: ValueStore | None = None, store: MemoryStore | None = None, **options: Any
) -> Any:
    flows: list[Workflow[Any, Any]] = [films, reviewed, shown]
    return open_engine(plugins=[], workflows=flows, values=values, store=store, **options)


async def journal(store: MemoryStore, run_id: str) -> str:
    return "".join(entry.text for entry in await store.read(run_id))


class TestARun:
    async def test_the_journal_holds_a_reference(self, values: ValueStore) -> None:
        store = MemoryStore()
        async with opened(values, store) as engine:
            result = await engine.submit("films", len(FILM), run_id="r").wait()

            assert result.output == len(FILM)
            assert len(await journal(store, "r")) < 1000
            assert await contents(values) == [FILM]
            check_events(await _all(engine, "r"), films)

    async def test_another_engine_continues_with_the_value(self, values: ValueStore) -> None:
        store = MemoryStore()
        async with opened(values, store) as engine:
            result = await engine.submit("reviewed", 1000, run_id="r").wait()
            assert result.status == "suspended"
        async with opened(values, store) as engine:
            run = await engine.load_run("r")

            assert (await run.resume("yes")).output == 1000
            ref = run.record.steps["render"].output
            assert isinstance(ref, ValueRef)
            assert await engine.values.get(ref) == FILM[:1000]

    @pytest.mark.slow
    async def test_two_engines_share_the_values(self, values: ValueStore) -> None:
        store = MemoryStore()
        async with opened(values, store) as one, opened(values, store) as two:
            ref = await one.values.put(FILM)
            await one.enqueue("shown", ref, run_id="r")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(two.work)
                result = await (await one.load_run("r")).wait()
                nursery.cancel_scope.cancel()

        assert result.output == len(FILM)

    async def test_without_a_journal_too(self, values: ValueStore) -> None:
        async with opened(values) as engine:
            assert await engine.run("films", 10) == 10

    async def test_references_can_be_anywhere(self) -> None:
        @step
        async def begin(given: dict[str, ValueRef[str]], ctx: StepContext) -> list[Any]:
            ctx.set_state(kept=given["a"])
            ctx.runtime_context["also"] = await ctx.put("b")
            return [await ctx.put(text) for text in ("x", "y")]

        @step
        async def each(ref: ValueRef[str], ctx: StepContext) -> str:
            kept: str = await ctx.get(ctx.state["kept"])
            also: str = await ctx.get(ctx.runtime_context["also"])
            return kept + await ctx.get(ref) + also

        flow = Workflow("anywhere", input=dict[str, ValueRef[str]], state=dict[str, Any])
        looped = flow.then(begin).foreach(each)
        store = MemoryStore()
        async with opened(MemoryValues(), store) as engine:
            given = {"a": await engine.values.put("a")}
            assert await engine.run(looped, given, initial_state={}) == ["axb", "ayb"]


async def _all(engine: Engine, run_id: str) -> list[Event]:
    async with engine.get_run(run_id).observe() as stream:
        return [event async for event in stream]


class TestWhatIsStored:
    @given(
        st.recursive(
            st.one_of(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats(allow_nan=False, allow_infinity=False),
                st.binary() | st.text(st.characters(codec=None)) | st.datetimes(),
                st.builds(Scene, st.text(max_size=5)),
            ),
            lambda inner: st.one_of(
                st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
                st.tuples(inner, inner) | st.frozensets(st.integers()),
            ),
            max_leaves=10,
        )
    )
    def test_every_value_is_read_back_equal(self, value: Any) -> None:
        written = Contents(Forms(make_wire_converter)).dump(value)
        found = Contents(Forms(make_wire_converter)).load(*written, "key")

        assert (type(found), found) == (type(value), value)

    async def test_a_reference_is_a_value_that_travels(self, values: ValueStore) -> None:
        given = [Scene("a", (1, 2)), {"a": (b"x", "y")}, 1.5, None, "\ud800"]
        async with opened(values) as engine:
            for value in given:
                ref = pickle.loads(pickle.dumps(await engine.values.put(value)))
                assert await engine.values.get(ref) == value

    @pytest.mark.slow
    def test_a_large_value_is_written_and_read_in_parts(self) -> None:
        value = {"scenes": [Scene(str(number), (number,)) for number in range(30_000)], "x": "y"}
        contents = Contents(Forms(make_wire_converter))
        kind, written = contents.dump(value)

        assert len(written) > 1 << 20
        assert contents.load(kind, written, "key") == value

    async def test_bytes_and_strings_are_stored_as_they_are(self) -> None:
        values = MemoryValues()
        async with opened(values) as engine:
            for value in (b"\0x", "å", Scene("a", (1,))):
                await engine.values.put(value)
        json = b'{"$tests.test_values:Scene":{"title":"a","frames":[1],"at":null}}'

        assert await contents(values) == sorted([b"\0x", "å".encode(), json])

    async def test_a_value_without_a_json_form_is_refused(self) -> None:
        async with opened(MemoryValues()) as engine:
            with pytest.raises(NotSerializableError):
                await engine.values.put(object())
            loop: list[Any] = []
            loop.append(loop)
            with pytest.raises(NotSerializableError, match="contains itself"):
                await engine.values.put(loop)

    async def test_a_value_that_fits_no_class_of_today_is_an_error(self) -> None:
        values = MemoryValues()
        async with opened(values) as engine:
            ref = await engine.values.put(Scene("a"))
            (key,) = [each.key for each in await values.list_values("values/")]
            content = (await values.read(key) or b"").replace(b"Scene", b"Scena")
            await values.write(key, content)
            moved = attrs.evolve(ref, digest=hashlib.sha256(content).hexdigest())
            with pytest.raises(InvalidValueError, match="Scena"):
                await engine.values.get(moved)


class TestFailures:
    async def test_a_deleted_object_is_missing(self, values: ValueStore) -> None:
        async with opened(values) as engine:
            ref = await engine.values.put(FILM)
            await values.delete(f"values/{ref.key}")

            with pytest.raises(MissingValueError, match="is not in value store"):
                await engine.values.get(ref)
            result = await engine.create_run("shown").start(ref)
        assert isinstance(result.error, MissingValueError)

    @pytest.mark.parametrize("damaged", [b"", FILM[:-1], FILM + b"x", b"x" + FILM[1:]])
    async def test_damaged_bytes_are_found(self, values: ValueStore, damaged: bytes) -> None:
        async with opened(values) as engine:
            ref = await engine.values.put(FILM)
            await values.write(f"values/{ref.key}", damaged)

            with pytest.raises(DamagedValueError, match="are not the 102,400"):
                await engine.values.get(ref)

    async def test_steps_wait_for_a_store_that_is_away(self, autojump_clock: MockClock) -> None:
        failing = Failing()
        failing.failures = 5
        async with opened(failing, MemoryStore()) as engine:
            run = engine.submit("films", 10)
            assert (await run.wait()).status == "success"
        assert failing.failures == 0

    async def test_a_refusal_fails_the_step(self) -> None:
        failing = Failing(transient=False)
        async with opened(failing) as engine:
            failing.failures = 1
            result = await engine.create_run("films").start(10)
        assert isinstance(result.error, ValueStoreError)
        assert isinstance(result.error, StoreError)

    async def test_without_a_value_store_it_is_said_what_is_missing(self) -> None:
        async with opened() as engine:
            result = await engine.create_run("films").start(10)
            with pytest.raises(NoValueStoreError):
                _ = engine.values
        assert isinstance(result.error, NoValueStoreError)
        assert "step 'render'" in str(result.error)
        assert (await films.create_run().start(1)).status == "failed"

    async def test_a_thread_is_told_to_ask_the_loop(self) -> None:
        context = BlockingStepContext[Any](None)  # type: ignore[arg-type]

        def in_thread() -> None:
            methods: list[Any] = [context.put, context.get]
            for method in methods:
                with pytest.raises(RuntimeError, match="from_thread"):
                    method(None)

        await trio.to_thread.run_sync(in_thread)

    async def test_a_crash_between_object_and_event_repeats_the_step(
        self, values: ValueStore
    ) -> None:
        store = CrashesAt("step-result")
        async with opened(values, store, store_patience=0) as engine:
            with pytest.raises(StoreError):
                await engine.submit("films", 10, run_id="r").wait()
            assert await contents(values) == [FILM[:10]]  # it is there, and nothing names it
        store.is_broken = False
        async with opened(values, store) as engine:
            await engine.recover()
            assert (await engine.get_run("r").wait()).output == 10
            assert len(await contents(values)) == 2
            await engine.delete_run("r")

        assert await keys(values) == []


class CrashesAt(MemoryStore):
    """Loses its storage when an event of a type is written."""

    def __init__(self, type_: str) -> None:
        super().__init__()
        self._type = f'["{type_}"'
        self.is_broken = True

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        texts = [entry.text for append in appends for entry in append.entries]
        if self.is_broken and any(text.startswith(self._type) for text in texts):
            raise StoreError("memory", "it is gone")
        return await super().append(appends)


class Compressed(Codec):
    def encode(self, data: bytes) -> bytes:
        return zlib.compress(data)

    def decode(self, data: bytes) -> bytes:
        return zlib.decompress(data)


class NoKey(Codec):
    def encode(self, data: bytes) -> bytes:
        raise OSError("no key")

    def decode(self, data: bytes) -> bytes:
        raise OSError("no key")


class TestCodec:
    async def test_values_are_encoded(self, values: ValueStore) -> None:
        async with opened(values, MemoryStore(), codec=Compressed()) as engine:
            assert await engine.run("films", len(FILM)) == len(FILM)

            (stored,) = await contents(values)
            assert zlib.decompress(stored) == FILM

    async def test_without_it_they_cannot_be_read(self) -> None:
        values = MemoryValues()
        async with opened(values, codec=Compressed()) as engine:
            ref = await engine.values.put(FILM)
        async with opened(values) as engine:
            with pytest.raises(ValueStoreError, match="same codec"):
                await engine.values.get(ref)
        async with opened(values, codec=NoKey()) as engine:
            with pytest.raises(DamagedValueError, match="no key"):
                await engine.values.get(ref)
            with pytest.raises(NotSerializableError, match="no key"):
                await engine.values.put(FILM)

    async def test_values_from_before_the_codec_are_still_read(self) -> None:
        values = MemoryValues()
        async with opened(values) as engine:
            ref = await engine.values.put(FILM)
        async with opened(values, codec=Compressed()) as engine:
            assert await engine.values.get(ref) == FILM


class TestRetention:
    async def test_values_go_with_their_run(self, values: ValueStore) -> None:
        async with opened(values, MemoryStore()) as engine:
            for run_id in ("A", "a", "b" * 300):  # on a disk where case is not significant, too
                await engine.submit("films", 10, run_id=run_id).wait()
            await engine.delete_run("A")
            assert len(await contents(values)) == 2
            await engine.delete_run("a")
            await engine.delete_run("b" * 300)

        assert await keys(values) == []

    async def test_pruned_runs_free_theirs(self, values: ValueStore) -> None:
        async with opened(values, MemoryStore()) as engine:
            for run_id in ("a", "b" * 300):
                await engine.submit("films", 10, run_id=run_id).wait()
            await engine.submit("reviewed", 10, run_id="waits").wait()
            await engine.values.put("of nobody")

            assert await engine.prune(before=dt.timedelta(0)) == 2
            assert await contents(values) == [FILM[:10], b"of nobody"]

    async def test_so_do_runs_that_exist_in_memory_only(self, values: ValueStore) -> None:
        async with opened(values) as engine:
            for run_id in ("a", "b"):
                await engine.submit("films", 10, run_id=run_id).wait()
            await engine.delete_run("a")
            assert len(await contents(values)) == 1
            await engine.prune(before=dt.timedelta(0))

        assert await keys(values) == []

    async def test_a_fork_keeps_what_it_uses(self, values: ValueStore) -> None:
        async with opened(values, MemoryStore()) as engine:
            run = engine.submit("films", 10, run_id="r")
            await run.wait()
            fork = await run.fork("measure")
            await fork.start()
            await engine.delete_run("r")

            again = await fork.fork("measure")
            assert (await again.start()).output == 10
            for each in (fork, again):
                assert len(await contents(values)) == 1
                await engine.delete_run(each.run_id)

        assert await keys(values) == []

    async def test_an_input_is_kept_by_the_runs_that_have_it(self, values: ValueStore) -> None:
        async with opened(values, MemoryStore()) as engine:
            ref = await engine.values.put(FILM)
            for run_id in ("a", "b" * 300):
                await engine.submit("shown", ref, run_id=run_id).wait()
            await engine.delete_run("a")
            assert await engine.values.get(ref) == FILM
            await engine.delete_run("b" * 300)

        assert await keys(values) == []

    async def test_an_answer_from_elsewhere_is_kept(self) -> None:
        @step
        async def asks(value: int, ctx: StepContext) -> str:
            return await ctx.get(await ctx.ask("which?", ValueRef[str]))

        values, store = MemoryValues(), MemoryStore()
        flow = Workflow("asks", input=int, output=str).then(asks)
        async with opened(values, store) as engine:
            await engine.submit(flow, 1, run_id="r").wait()
            ref = await engine.values.put("this")
            await engine.resume_run("r", ref)
            assert (await engine.get_run("r").wait()).output == "this"
            assert [each.key for each in await values.list_values("uses/r/")] != []

    async def test_a_request_marks_what_it_holds(self) -> None:
        values, store = MemoryValues(), MemoryStore()
        async with opened(values, store) as engine:
            await engine.submit("reviewed", 1, run_id="r").wait()
        async with open_engine(plugins=[], store=store, values=values) as other:
            ref = await other.values.put("data")
            await other.send_event("r", "go", ref)

        assert [each.key for each in await values.list_values("uses/r/")] == [f"uses/r/{ref.key}"]

    async def test_a_run_that_names_a_value_waits_until_it_is_marked(
        self, autojump_clock: MockClock
    ) -> None:
        failing, store = Failing(), MemoryStore()
        async with opened(failing, store) as engine:
            ref = await engine.values.put(FILM)
            failing.failures = 6
            slow = engine.submit("shown", ref, run_id="slow")
            other = engine.submit("films", 0, run_id="other")
            assert (await slow.wait()).output == len(FILM)
            assert (await other.wait()).output == 0
        assert len(await failing.list_values("uses/slow/")) == 1

    async def test_a_run_whose_mark_cannot_be_written_is_broken_off(self) -> None:
        failing, store = Failing(transient=False), MemoryStore()
        async with opened(failing, store) as engine:
            ref = await engine.values.put(FILM)
            failing.failures = 1
            with pytest.raises(ValueStoreError):
                await engine.submit("shown", ref, run_id="r").wait()

    async def test_a_large_list_of_references_is_noted_piece_by_piece(self) -> None:
        values, store = MemoryValues(), MemoryStore()
        async with opened(values, store) as engine:
            ref = await engine.values.put("x")

            @step
            async def begin(number: int) -> dict[str, Any]:
                return {"a": [ref, *range(10_000)], "b": "x" * 100_000}

            await engine.submit(Workflow("large", input=int).then(begin), 1, run_id="r").wait()
        assert len(await values.list_values("uses/r/")) == 1

    async def test_a_schedule_cannot_keep_one(self) -> None:
        async with opened(MemoryValues(), MemoryStore()) as engine:
            ref = await engine.values.put(FILM)
            with pytest.raises(NotSerializableError, match="only a run"):
                await engine.schedules.put(Schedule("s", "shown", Every(hours=1), input=ref))


class TestOrphans:
    async def test_what_nobody_uses_is_collected(self, values: ValueStore) -> None:
        store = MemoryStore()
        async with opened(values, store) as engine:
            await engine.submit("films", 10, run_id="kept").wait()
            shared = await engine.values.put("shared")
            await engine.submit("shown", await engine.values.put(b"used"), run_id="user").wait()
            await engine.submit("shown", shared, run_id="gone").wait()
            await engine.submit("films", 20, run_id="lost" * 60).wait()
            await engine.values.put("never used")
            for run_id in ("gone", "lost" * 60):  # by a process that died before it freed them
                await store.delete(run_id)
        async with opened(values, store) as engine:
            assert await engine.values.collect() == 0  # they are too young
            assert await engine.values.collect(older_than=dt.timedelta(seconds=-5)) == 3
            assert await contents(values) == sorted([FILM[:10], b"used"])
            assert await engine.values.collect(older_than=-5) == 0
            await engine.delete_run("kept")
            await engine.delete_run("user")

        assert await keys(values) == []

    async def test_remains_of_writes_are_collected(self) -> None:
        values = MemoryValues()
        await values.write("tmp/1", b"half")
        async with opened(values) as engine:
            await engine.values.collect()
            assert await keys(values) == ["tmp/1"]
            await engine.values.collect(older_than=-5)
        assert await keys(values) == []

    async def test_files_of_others_in_the_folder_are_left_alone(self, tmp_path: Path) -> None:
        others = ["values/.DS_Store", "values/a/b/c", "uses/x", "used/x/y", "names/.nfs0001", "z"]
        values = FolderValues(tmp_path)
        async with opened(values) as engine:
            await engine.submit("films", 10, run_id="r").wait()
            for name in others:
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_bytes(b"\xff")
            assert await engine.values.runs_here() == {"r"}
            assert await engine.values.collect(older_than=-5) == 0
            await engine.delete_run("r")
            assert await engine.values.collect(older_than=-5) == 0

        assert files_below(tmp_path) == set(others)


def files_below(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


REF = ValueRef[bytes]("r/" + "0" * 32, 10, "0" * 64, "bytes")


class TestForgedReferences:
    """A reference can come from outside, for example as an input over HTTP."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"key": "../../" + "0" * 32}, "no key of a value"),
            ({"key": "r/../" + "0" * 32}, "no key of a value"),
            ({"key": f"/r/{'0' * 32}"}, "no key of a value"),
            ({"key": f"r/{'0' * 32}\n"}, "no key of a value"),
            ({"key": f"r\0/{'0' * 32}"}, "no key of a value"),
            ({"key": f"R/{'0' * 32}"}, "no key of a value"),
            ({"key": "r/1"}, "no key of a value"),
            ({"key": ""}, "no key of a value"),
            ({"size": -1}, "must not be negative"),
            ({"digest": "abc"}, "no SHA-256 digest"),
        ],
    )
    async def test_what_no_store_has_made_is_refused(
        self, change: dict[str, Any], message: str, tmp_path: Path
    ) -> None:
        forged = attrs.asdict(REF) | change
        async with opened(FolderValues(tmp_path / "values")) as engine:
            with pytest.raises(InvalidValueError, match=message):
                engine.submit("shown", forged)
        with pytest.raises(ValueError, match=message):
            ValueRef(**forged)

    @given(st.text(max_size=40), st.text("./=abAB019-_", max_size=60))
    def test_a_key_is_never_a_path_to_elsewhere(self, owner: str, key: str) -> None:
        for forged in (key, f"{key}/{'0' * 32}", f"{owner}/{'0' * 32}"):
            try:
                ValueRef(forged, 1, "0" * 64, "bytes")
            except ValueError:
                continue
            name, _, last = forged.partition("/")
            assert last == "0" * 32
            assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_=ABCDEF")

    @given(st.text(min_size=1))
    def test_every_key_that_is_made_is_one(self, run_id: str) -> None:
        for owner in (name_of_run(run_id), FREE):
            key = new_key(owner)
            assert ValueRef(key, 1, "0" * 64, "bytes").key == key
            assert all(OURS.fullmatch(mark) for mark in use_keys(owner, key))
            assert OURS.fullmatch(content_key(key))


class TestNames:
    @given(st.text(min_size=1, max_size=40))
    def test_a_name_is_safe_and_shows_the_run(self, run_id: str) -> None:
        name = name_of_run(run_id)

        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_=ABCDEF")
        assert len(name) > 150 or run_of_name(name) in (run_id, None)

    @given(st.sets(st.text(min_size=1), min_size=2, max_size=2))
    def test_names_differ_where_case_is_not_significant(self, run_ids: set[str]) -> None:
        assert len({name_of_run(run_id).lower() for run_id in run_ids}) == 2


# ---------------------------------------------------------------- what takes long
KILLED = """
import os, signal, sys, trio
from tests.test_values import films, measure, render
from trioflow import StepContext, ValueRef, Workflow, open_engine, step
from trioflow.values import FolderValues

size, folder = int(sys.argv[1]), sys.argv[2]

@step(id="render")
async def dies(given: int, ctx: StepContext) -> ValueRef[bytes]:
    ref = await ctx.put(bytes(given))
    print("stored", flush=True)
    await trio.sleep_forever()

async def main():
    flow = Workflow("films", input=int, output=int).then(dies).then(measure)
    values, store = FolderValues(folder + "/values"), f"sqlite:{folder}/runs.db"
    async with open_engine(workflows=[flow], store=store, values=values) as engine:
        await engine.submit("films", size, run_id="r").wait()

trio.run(main)
"""


@pytest.mark.slow
async def test_a_process_that_is_killed_between_object_and_event(tmp_path: Path) -> None:
    size, store = 100_000_000, f"sqlite:{tmp_path}/runs.db"
    command = [sys.executable, "-c", KILLED, str(size), str(tmp_path)]
    async with trio.open_nursery() as nursery:
        process = await nursery.start(partial(trio.run_process, command, check=False, stdout=-1))
        assert (await process.stdout.receive_some()).startswith(b"stored")
        process.kill()
    values = FolderValues(tmp_path / "values")
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = trio.current_time()
            await trio.lowlevel.checkpoint()
            longest = max(longest, trio.current_time() - before)

    @step(id="render")
    async def renders(given: int, ctx: StepContext) -> ValueRef[bytes]:
        return await ctx.put(bytes(given))

    flow = Workflow("films", input=int, output=int).then(renders).then(measure)
    options: Any = {"workflows": [flow], "store": store, "values": values}
    async with open_engine(**options) as engine, trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await engine.recover()
        assert (await engine.get_run("r").wait()).output == size
        nursery.cancel_scope.cancel()
        assert engine.store is not None
        assert sum(entry.length for entry in await engine.store.read("r")) < 2000
        assert len(await values.list_values("values/r/")) == 2  # that of the lost attempt, too
        await engine.delete_run("r")
        assert await keys(values) == []
    print(f"100 MB there and back: the event loop was blocked for at most {longest * 1000:.0f} ms")
