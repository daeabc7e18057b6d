"""Values in journals that only their codec can read."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from trioflow import StepContext, Workflow, events, open_engine, step
from trioflow._engine.journal.codec import decode
from trioflow.abc import Codec
from trioflow.errors import DefinitionError, JournalFormatError, NotSerializableError
from trioflow.stores import MemoryStore

WORD = "hunter2"


class Masked(Codec):
    """Stands for encryption: adds a key to each byte, and checks that it is the right one."""

    def __init__(self, *keys: int) -> None:
        self.keys = keys

    def encode(self, data: bytes) -> bytes:
        key = self.keys[0]
        return bytes((byte + key) % 256 for byte in b"ok" + data)

    def decode(self, data: bytes) -> bytes:
        for key in self.keys:
            plain = bytes((byte - key) % 256 for byte in data)
            if plain.startswith(b"ok"):
                return plain[2:]
        raise ValueError("none of the keys fits")


class Compressed(Codec):
    def encode(self, data: bytes) -> bytes:
        return zlib.compress(data)

    def decode(self, data: bytes) -> bytes:
        return zlib.decompress(data)


class Broken(Codec):
    def encode(self, data: bytes) -> bytes:
        raise OSError("no key")

    def decode(self, data: bytes) -> bytes:
        raise OSError("no key")


class Secret:
    """Hides a value, as Pydantic's SecretStr does."""

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@attrs.frozen
class Login:
    user: str
    token: Secret


@step
async def logs_in(word: str, ctx: StepContext[Any]) -> dict[str, Any]:
    ctx.set_state({"word": word})
    ctx.runtime_context["word"] = word
    await ctx.write(word)
    return {"word": word}


@step
async def asks(value: Any, ctx: StepContext[Any]) -> Any:
    if ctx.resume_data is None:
        ctx.suspend({"word": WORD})
    return [value, ctx.resume_data, await ctx.wait_for("go")]


@step
async def fails(value: Any) -> None:
    raise ValueError(WORD)


FLOW: Workflow[Any, Any] = Workflow("w", input=str, output=Any)
FLOW = FLOW.then(logs_in).then(asks)
FAILING = FLOW.then(fails)


def engine_on(store: MemoryStore, codec: Codec | None, flow: Any = FLOW) -> Any:
    return open_engine(plugins=[], workflows=[flow], store=store, codec=codec, journal_chunks=True)


async def suspended(codec: Codec | None, flow: Any = FLOW, value: str = WORD) -> MemoryStore:
    store = MemoryStore()
    async with engine_on(store, codec, flow) as engine:
        result = await engine.submit("w", value, run_id="r").wait()
        if result.error is not None:
            raise result.error
    return store


async def ended(store: MemoryStore, codec: Codec | None, flow: Any = FLOW) -> Any:
    async with engine_on(store, codec, flow) as engine:
        await engine.send_event("r", "go", WORD)
        await engine.resume_run("r", WORD)
        return await (await engine.load_run("r")).wait()


async def texts(store: MemoryStore) -> list[str]:
    return [entry.text for entry in await store.read("r", limit=10**6)]


@pytest.mark.parametrize("codec", [Masked(5), Compressed()])
async def test_values_are_read_by_another_engine_with_the_codec(codec: Codec) -> None:
    store = await suspended(codec)
    result = await ended(store, codec)

    assert result.output == [{"word": WORD}, WORD, WORD]
    assert result.state == {"word": WORD}


async def test_no_value_can_be_read_in_the_store() -> None:
    store = await suspended(Masked(5), FAILING)
    result = await ended(store, Masked(5), FAILING)

    assert isinstance(result.error, ValueError)
    assert str(result.error) == WORD
    assert WORD not in "".join(await texts(store))


async def test_what_is_asked_of_a_run_cannot_be_read_either() -> None:
    store = await suspended(Masked(5))
    posted: list[Any] = []
    post = store.post_request

    async def look(request: Any) -> Any:
        posted.append(request.payload)
        return await post(request)

    store.post_request = look  # type: ignore[method-assign]
    await ended(store, Masked(5))
    assert WORD not in "".join(posted)


async def test_the_structure_stays_readable() -> None:
    store = await suspended(Masked(5))

    shown = decode("r", await store.read("r", limit=100))
    assert [event.type for event in shown][:3] == ["start", "step-start", "step-output"]
    (result,) = [e for e in shown if isinstance(e, events.StepResult)]
    assert (result.id, result.address, result.status) == ("logs_in", "0", "success")
    assert (result.output, result.state_updates) == ("**********", {})
    with_codec = decode("r", await store.read("r", limit=100), Masked(5))
    assert next(e for e in with_codec if e.type == "step-result").output == {"word": WORD}  # type: ignore[attr-defined]


async def test_an_observer_sees_values_if_the_engine_has_the_codec() -> None:
    store = await suspended(Masked(5))
    for codec, output in ((Masked(5), {"word": WORD}), (None, "**********")):
        async with engine_on(store, codec) as engine, engine.observe("r") as seen:
            found = [e async for e in seen if isinstance(e, events.StepResult)]
        assert [event.output for event in found] == [output]


@pytest.mark.parametrize(
    ("codec", "problem"),
    [
        (None, "its values are encoded: open the engine with the same codec"),
        (Masked(6), r"its values cannot be decoded \(ValueError: none of the keys fits\)"),
    ],
)
async def test_without_the_right_codec_a_run_is_left_alone(
    codec: Codec | None, problem: str
) -> None:
    store = await suspended(Masked(5))
    before = await texts(store)
    async with engine_on(store, codec) as engine:
        with pytest.raises(JournalFormatError, match=problem):
            await engine.load_run("r")
        assert await texts(store) == before
        await engine.cancel_run("r")
    stored = await store.get("r")
    assert stored is not None
    assert stored.status == "canceled"


async def test_keys_rotate() -> None:
    store = await suspended(Masked(5))
    assert (await ended(store, Masked(6, 5))).output == [{"word": WORD}, WORD, WORD]

    async with engine_on(store, Masked(7, 6, 5)) as engine:
        assert (await (await engine.load_run("r")).wait()).status == "success"


async def test_what_was_stored_before_there_was_a_codec_is_read() -> None:
    store = await suspended(None)

    assert (await ended(store, Masked(5))).output == [{"word": WORD}, WORD, WORD]
    assert WORD in "".join(await texts(store))


async def test_a_codec_that_fails_fails_what_would_be_written() -> None:
    async with engine_on(MemoryStore(), Broken()) as engine:
        with pytest.raises(NotSerializableError, match=r"the engine's codec \(OSError: no key\)"):
            engine.submit("w", WORD)


async def test_what_is_no_codec_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is not a Codec"):
        async with open_engine(plugins=[], store=MemoryStore(), codec=zlib):  # type: ignore[arg-type]
            raise AssertionError("it was opened")


# ---------------------------------------------------------------- secrets
def logging_in() -> Workflow[Any, Any]:
    @step
    async def gives() -> Login:
        return Login("a", Secret(WORD))

    @step
    async def looks(login: Login, ctx: StepContext[Any]) -> str:
        if ctx.resume_data is None:
            ctx.suspend()
        return login.token.get_secret_value()

    return Workflow("w", input=Any, output=str).then(gives).then(looks)


SECRET = r"workflow 'w': the output of step 'gives' has a secret in it \(Secret\), which .* codec="


def outer(workflow: Workflow[Any, Any]) -> Workflow[Any, Any]:
    return Workflow("w", input=Any, output=Any).then(workflow)


def each(workflow: Any) -> Workflow[Any, Any]:
    return Workflow("w", input=Any, output=Any).foreach(workflow)


@pytest.mark.parametrize("around", [lambda inner: inner, outer, each])
async def test_secrets_are_refused_without_a_codec(around: Callable[[Any], Any]) -> None:
    with pytest.raises(DefinitionError, match=SECRET):
        await suspended(None, around(logging_in()))


async def test_secrets_that_no_type_tells_of_fail_the_step() -> None:
    @step(output=Any)
    async def gives(value: Any) -> Any:
        return Login("a", Secret(WORD))

    with pytest.raises(NotSerializableError, match=r"output\.token is a secret \(Secret\)"):
        await suspended(None, Workflow("w", input=Any, output=Any).then(gives))


async def test_secrets_come_back_with_one() -> None:
    store = await suspended(Masked(5), logging_in())
    async with engine_on(store, Masked(5), logging_in()) as engine:
        run = await engine.load_run("r")
        assert (await run.resume(True)).unwrap() == WORD


async def test_nobody_is_shown_a_secret() -> None:
    store = await suspended(Masked(5), logging_in(), "a")
    shown = decode("r", await store.read("r", limit=100), Masked(5))

    assert WORD not in json.dumps([repr(event) for event in shown])
    outputs = [event.output for event in shown if isinstance(event, events.StepResult)]
    assert outputs == [{"user": "a", "token": "**********"}]
