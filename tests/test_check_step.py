"""The checks name what is wrong with broken steps and tools, and pass what is right.

Each broken body here is wrong in one way that its author may not notice for long.
"""

from __future__ import annotations

import contextvars
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import attrs
import pytest
import trio
from attrs import frozen
from hypothesis import strategies as st

from trioflow import NonRetryableError, Retry, StepContext, step, tool
from trioflow.abc import Runner
from trioflow.errors import UnknownNameError
from trioflow.testing import BodyContractError, check_step, check_tool
from trioflow.testing._bodies import FAULTS, traps


@frozen
class City:
    name: str


class Plain:
    """A class without fields or ==."""


@attrs.define
class Basket:
    goods: list[str]


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
kept: list[Any] = []


@pytest.fixture(autouse=True)
def _forget_what_was_kept() -> Any:
    yield
    for one in kept:
        if isinstance(one, socket.socket | threading.Event):
            one.close() if isinstance(one, socket.socket) else one.set()
    kept.clear()


# ---------------------------------------------------------------- broken steps
@step
async def takes_city(city: City) -> str:
    return city.name


@step
async def takes_plain(value: Plain) -> None: ...


@frozen(eq=False)
class Unequal:
    name: str


@frozen
class Unknown:
    where: Nowhere  # type: ignore[name-defined]  # noqa: F821


@step
async def takes_unknown(value: Unknown) -> None: ...


@step
async def takes_unequal(value: Unequal) -> None: ...


@step
async def gives_plain(value: int) -> Any:
    return Plain()


@step
async def gives_unannotated(value: int):  # type: ignore[no-untyped-def]
    return City("Oslo")


@step
async def gives_wrong_type(value: int) -> str:
    return value  # type: ignore[return-value]


@step
async def gives_dict_for_class(value: int) -> City:
    return {"name": "Oslo"}  # type: ignore[return-value]


@step
async def writes_plain(value: int, ctx: StepContext) -> int:
    await ctx.write("fine")
    await ctx.write({"when": [Plain()]})
    return value


@step
async def changes_input(basket: Basket) -> int:
    basket.goods.append("more")
    return len(basket.goods)


@step
async def fails(value: int) -> int:
    raise KeyError("missing")


class UnpicklableError(Exception):
    def __init__(self, *, url: str) -> None:
        super().__init__(f"cannot fetch {url}")


@step
async def raises_unpicklable(value: int) -> int:
    raise UnpicklableError(url="x")


class ForgetfulError(NonRetryableError):
    def __init__(self, url: str = "nothing") -> None:
        super().__init__()
        self.url = url

    def __str__(self) -> str:
        return f"cannot fetch {self.url}"


class LosingError(ForgetfulError):
    def __reduce__(self) -> Any:
        return type(self), ()


@step
async def raises_what_loses(value: int) -> int:
    raise LosingError("x")


@step
async def never_ends(value: int) -> int:
    await trio.Event().wait()
    return value


@step
async def polls_for_ever(value: int) -> int:
    while True:  # noqa: ASYNC110 - this is the fault
        await trio.sleep(1)


@step
async def waits_for_event(value: int, ctx: StepContext) -> int:
    data: int = await ctx.wait_for("number")
    return data


@step
async def is_random(value: int, ctx: StepContext) -> int:
    await ctx.write(random.random())
    return value


@step
async def sometimes_writes(value: int, ctx: StepContext) -> int:
    kept.append(value)
    for _ in kept:
        await ctx.write(1)
    return value


@step
async def sleeps_for_real(value: int) -> int:
    await trio.sleep(1)
    time.sleep(0.06)  # noqa: ASYNC251 - this is the fault
    return value


@step
async def shields(value: int) -> int:
    with trio.CancelScope(shield=True):
        await trio.sleep(60)
    return value


@step
async def shields_for_ever(value: int) -> int:
    done = trio.Event()
    try:
        await trio.sleep(1)
    finally:
        if trio.current_effective_deadline() == -float("inf"):
            with trio.CancelScope(shield=True):
                await done.wait()
    return value


@step
def works_on(value: int) -> int:
    over = time.perf_counter() + 0.1
    while time.perf_counter() < over:
        time.sleep(0.01)
    return value


@step
async def answers_without_waiting(value: int) -> int:
    try:
        await trio.lowlevel.checkpoint()
    except trio.Cancelled:
        return -1
    return value


@step
async def returns_instead(value: int) -> int:
    try:
        await trio.sleep(5)
    except BaseException:  # noqa: BLE001, RUF100 - this is the fault
        return -1
    return value


@step
async def raises_instead(value: int) -> int:
    try:
        await trio.sleep(5)
    except trio.Cancelled:
        raise TimeoutError("too slow") from None
    return value


@step
async def returns_in_finally(value: int) -> int:
    try:
        await trio.sleep(5)
    finally:
        return value  # noqa: B012 - this is the fault


@step
async def tries_again(value: int) -> int:
    while True:
        try:
            await trio.sleep(5)
            return value
        except BaseException:  # noqa: BLE001, RUF100 - this is the fault
            continue


@step
async def swallows_in_child(value: int) -> int:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 5)
    with trio.move_on_after(1) as scope:
        await trio.sleep(60)
    try:
        await trio.sleep(1)
    except trio.Cancelled:
        return 0
    return value if scope.cancelled_caught else 0


@step
async def leaves_task(value: int) -> int:
    trio.lowlevel.spawn_system_task(trio.sleep_forever)
    return value


@step
async def leaves_thread(value: int) -> int:
    event = threading.Event()
    kept.append(event)
    threading.Thread(target=event.wait, daemon=True, name="mine").start()
    return value


@step
async def leaves_channel_if_canceled(value: int) -> int:
    send, receive = trio.open_memory_channel[int](1)
    kept.append((send, receive))
    await trio.sleep(1)
    send.close()
    return value


@step
async def leaves_socket(value: int) -> int:
    socket.socket()
    return value


@step
async def uses_context_late(value: int, ctx: StepContext) -> int:
    async def later() -> None:
        await trio.sleep(0.5)
        try:
            await ctx.write("late")
        except Exception:
            return

    trio.lowlevel.spawn_system_task(later)
    return value


STEPS: dict[str, tuple[str, Any, Any, dict[str, Any]]] = {
    "an example of another type": ("does not accept this input", takes_city, 5, {}),
    "an annotation of nothing": ("has types without a schema", takes_unknown, {}, {}),
    "an input without fields": ("takes input that JSON cannot carry", takes_plain, Plain(), {}),
    "an input without ==": ("takes input that JSON cannot carry", takes_unequal, Unequal("x"), {}),
    "an output without fields": ("returns output that JSON cannot carry", gives_plain, 1, {}),
    "an output of another type": (
        "returns another type than annotated",
        gives_wrong_type,
        1,
        {},
    ),
    "a chunk without JSON form": ("emits values that JSON cannot carry", writes_plain, 1, {}),
    "a changed input": ("changes its input", changes_input, Basket(["a"]), {}),
    "an exception": ("fails", fails, 1, {}),
    "another exception than expected": ("fails", fails, 1, {"raises": (OSError,)}),
    "an error with keywords": (
        "raises an error that cannot be pickled",
        raises_unpicklable,
        1,
        {"raises": (UnpicklableError,)},
    ),
    "an error that forgets": (
        "raises an error that cannot be pickled",
        raises_what_loses,
        1,
        {"raises": (LosingError,)},
    ),
    "a wait without end": ("never ends", never_ends, 1, {}),
    "polling without end": ("never ends", polls_for_ever, 1, {}),
    "an event that nobody sends": ("never ends", waits_for_event, 1, {}),
    "chance": ("is not deterministic", is_random, 1, {"deterministic": True}),
    "memory": ("is not deterministic", sometimes_writes, 1, {"deterministic": True}),
    "a real sleep": ("blocks the event loop", sleeps_for_real, 1, {"blocking": 0.05}),
    "a shield": ("ignores cancellation", shields, 1, {}),
    "a shield without end": ("ignores cancellation", shields_for_ever, 1, {}),
    "a thread that does not ask": ("ignores cancellation", works_on, 1, {"seconds": 0.05}),
    "an answer instead": ("swallows cancellation", returns_instead, 1, {}),
    "an error instead": ("swallows cancellation", raises_instead, 1, {}),
    "an answer without a wait": ("swallows cancellation", answers_without_waiting, 1, {}),
    "a return in finally": ("swallows cancellation", returns_in_finally, 1, {}),
    "an except that goes on": ("ignores cancellation", tries_again, 1, {}),
    "an answer after other scopes": ("swallows cancellation", swallows_in_child, 1, {}),
    "a task": ("leaks resources", leaves_task, 1, {}),
    "a thread": ("leaks resources", leaves_thread, 1, {}),
    "a channel when canceled": ("leaks resources", leaves_channel_if_canceled, 1, {}),
    "a socket": ("leaks resources", leaves_socket, 1, {}),
    "a late write": ("uses its context after it has ended", uses_context_late, 1, {}),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_fault_of_a_step_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault, broken, example, options = STEPS[name]
    monkeypatch.setattr(traps, "MOST_WAITS", 100)  # to be sooner sure that one never ends

    with pytest.raises(BodyContractError) as caught:
        check_step(broken, example, **options)

    assert caught.value.fault == fault, str(caught.value)
    assert str(caught.value).startswith(f"step {broken.id!r} {fault}: ")


# ---------------------------------------------------------------- steps that are right
@step(retry=Retry(attempts=3, delay=1.0), timeout=30.0)
async def does_all_there_is(city: City, ctx: StepContext) -> City:
    await ctx.write({"attempt": ctx.attempt, "exactly": Decimal("0.1")})
    if ctx.attempt < 2:
        raise OSError
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 1)
        nursery.start_soon(ctx.write, "beside")
    with trio.move_on_after(2):
        await trio.sleep_forever()
    await trio.to_thread.run_sync(time.sleep, 0.001)
    try:
        await ctx.call_tool(plus, a=1, b=2)
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.5)
    token = variable.set("mine")
    await trio.lowlevel.checkpoint()
    variable.reset(token)
    return attrs.evolve(city, name=city.name.upper())


@tool
async def plus(a: int, b: int = 1) -> int:
    await trio.sleep(1)
    return a + b


@step
def sums(values: list[float]) -> float:
    for _ in values:
        trio.from_thread.check_cancelled()
    return sum(values)


@step(resume=bool, suspend=City)
async def asks(city: City, ctx: StepContext) -> bool:
    if ctx.resume_data is None:
        ctx.suspend(city)
    await trio.sleep(1)
    return bool(ctx.resume_data)


@step
async def asks_twice(city: City, ctx: StepContext) -> list[Any]:
    first = await ctx.ask(city, City)
    await trio.sleep(1)
    return [first, await ctx.ask("sure?", bool, label="boss")]


@step
async def bails(value: int, ctx: StepContext) -> str:
    ctx.bail(value)


@step
async def cancels_run(value: int, ctx: StepContext) -> int:
    ctx.cancel_run()
    await trio.sleep(1)
    return value


@step
async def fails_for_some(value: int) -> int:
    if value % 2:
        raise ValueError(value)
    return value


RIGHT: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "everything": (does_all_there_is, City("Oslo"), {"deterministic": True}),
    "a dict that fits": (takes_city, {"name": "Oslo"}, {}),
    "a dict for a class": (gives_dict_for_class, 1, {}),
    "an output without type": (gives_unannotated, 1, {}),
    "a thread": (sums, [0.5, 0.25], {}),
    "questions": (
        *(asks_twice, City("Oslo")),
        {"answers": {"boss": True}, "resume": City("Rome"), "deterministic": True},
    ),
    "a question without an answer": (asks_twice, City("Oslo"), {}),
    "a shield that is long enough": (shields, 1, {"seconds": 60.0}),
    "an answer to its event": (waits_for_event, 1, {"answers": {"number": 3}}),
    "a suspension": (asks, City("Oslo"), {}),
    "a suspension with its answer": (asks, City("Oslo"), {"resume": True}),
    "a bail": (bails, 1, {}),
    "a cancel": (cancels_run, 1, {}),
    "an error that is an answer": (fails, 1, {"raises": (KeyError,)}),
    "inputs of a strategy": (
        fails_for_some,
        st.integers(),
        {"raises": (ValueError,), "examples": 5},
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_step_that_is_right_passes(name: str) -> None:
    right, example, options = RIGHT[name]

    check_step(right, example, **options)


# ---------------------------------------------------------------- tools
@tool
async def yields_in_nursery(value: int) -> AsyncGenerator[int, None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 1)
        yield value


@tool
async def yields_in_deadline(value: int) -> AsyncGenerator[int, None]:
    with trio.fail_after(5):
        yield value


@tool
async def yields_when_closed(value: int) -> AsyncGenerator[int, None]:
    try:
        yield value
        yield value
    finally:
        yield value


@tool
async def closes_slowly(value: int) -> AsyncGenerator[int, None]:
    try:
        yield value
        yield value
    except GeneratorExit:
        with trio.CancelScope(shield=True):
            await trio.sleep(60)
        raise


@tool
async def fails_when_closed(value: int) -> AsyncGenerator[int, None]:
    try:
        yield value
        yield value
    except GeneratorExit:
        raise OSError("gone") from None


@tool
async def leaves_file_if_left(path: str) -> AsyncGenerator[int, None]:
    yield 1
    opened = open(path)  # noqa: ASYNC230, SIM115
    yield 2
    opened.close()


@tool
async def yields_plain(value: int) -> AsyncGenerator[Any, None]:
    yield Plain()


@tool
async def yields_other_type(value: int) -> AsyncGenerator[str, None]:
    yield value  # type: ignore[misc]


@tool
async def swallows_and_yields(value: int) -> AsyncGenerator[int, None]:
    try:
        await trio.sleep(5)
    except trio.Cancelled:
        yield -1
    yield value


@tool
async def sets_variable(value: int) -> int:
    variable.set("mine")
    return value


@tool
async def sets_variable_for_taker(value: int) -> AsyncGenerator[int, None]:
    token = variable.set("mine")
    yield value
    variable.reset(token)


@tool
async def changes_argument(values: list[int]) -> int:
    values.sort()
    return values[0]


@tool(combine="".join)
async def spells(word: str, times: int = 1) -> AsyncGenerator[str, None]:
    for _ in range(times):
        for letter in word:
            await trio.sleep(0.1)
            yield letter


TOOLS: dict[str, tuple[str, Any, Any, dict[str, Any]]] = {
    "a yield in a nursery": (
        "yields inside a nursery or cancel scope",
        yields_in_nursery,
        {"value": 1},
        {},
    ),
    "a yield in a time-out": (
        "yields inside a nursery or cancel scope",
        yields_in_deadline,
        {"value": 1},
        {},
    ),
    "a yield in finally": ("ignores being closed", yields_when_closed, {"value": 1}, {}),
    "a slow end": ("ignores being closed", closes_slowly, {"value": 1}, {}),
    "a failing end": ("ignores being closed", fails_when_closed, {"value": 1}, {}),
    "a file": ("leaks resources", leaves_file_if_left, {"path": __file__}, {}),
    "a piece without JSON form": (
        "returns output that JSON cannot carry",
        yields_plain,
        {"value": 1},
        {},
    ),
    "a piece of another type": (
        "returns another type than annotated",
        yields_other_type,
        {"value": 1},
        {},
    ),
    "a piece when canceled": ("swallows cancellation", swallows_and_yields, {"value": 1}, {}),
    "a context variable": ("leaves context variables set", sets_variable, {"value": 1}, {}),
    "a context variable at a piece": (
        "leaves context variables set",
        sets_variable_for_taker,
        {"value": 1},
        {},
    ),
    "a sorted argument": ("changes its input", changes_argument, {"values": [2, 1]}, {}),
    "an argument of another type": ("does not accept this input", plus, {"a": "x"}, {}),
    "an argument that is missing": ("does not accept this input", plus, {"b": 1}, {}),
    "an argument that it does not have": (
        "does not accept this input",
        plus,
        {"a": 1, "b": 1, "c": 1},
        {},
    ),
}


@pytest.mark.parametrize("name", TOOLS)
def test_a_fault_of_a_tool_is_named(name: str) -> None:
    fault, broken, arguments, options = TOOLS[name]

    with pytest.raises(BodyContractError) as caught:
        check_tool(broken, arguments, **options)

    assert caught.value.fault == fault, str(caught.value)
    assert str(caught.value).startswith(f"tool {broken.id!r} {fault}: ")


@pytest.mark.parametrize("arguments", [{"word": "abc", "times": 2}, {"word": ""}])
def test_a_streaming_tool_that_is_right_passes(arguments: dict[str, Any]) -> None:
    check_tool(spells, arguments, deterministic=True)


def test_a_tool_that_is_right_passes_whatever_it_is_given() -> None:
    check_tool(plus, examples=3)


def test_each_fault_has_a_body_that_shows_it() -> None:
    shown = {fault for fault, *_ in [*STEPS.values(), *TOOLS.values()]}

    assert shown == FAULTS.keys()


# ---------------------------------------------------------------- what is said
def test_the_message_says_where_it_was_seen_and_what_to_do() -> None:
    with pytest.raises(BodyContractError) as caught:
        check_step(returns_instead, 1)

    first, *listing = str(caught.value).splitlines()
    assert first.startswith(
        "step 'returns_instead' swallows cancellation: its run was canceled during its "
        "1st wait; Cancelled was raised in line "
    )
    assert first.endswith("and do not return or raise in a finally")
    assert (
        "test_check_step.py: await trio.sleep(5), but it returned -1; let trio.Cancelled" in first
    )
    assert listing == [
        "        0  start",
        "  >>    1  step-start                 0        returns_instead",
        "        2  step-result                0        returns_instead  status='success'",
        "        3  step-finish                0        returns_instead  attempts=1",
        "     ...",
    ]


def test_the_message_shows_the_line_that_blocks() -> None:
    with pytest.raises(BodyContractError, match=r"test_check_step\.py: time\.sleep\(0\.06\)"):
        check_step(sleeps_for_real, 1, blocking=0.04)


def test_an_exception_of_the_body_is_the_cause() -> None:
    with pytest.raises(BodyContractError) as caught:
        check_step(fails, 1)

    assert isinstance(caught.value.__cause__, KeyError)


def test_the_input_that_fails_is_named_if_there_are_many() -> None:
    with pytest.raises(BodyContractError, match="fails: it raises ValueError: 1;") as caught:
        check_step(fails_for_some, st.integers(0, 1))

    assert "input=1" in "\n".join(caught.value.__notes__)


# ---------------------------------------------------------------- inputs from types
@frozen
class Wide:
    city: City
    when: float
    tags: list[str] = attrs.field(factory=list)


@step
async def takes_wide(value: Wide) -> Wide:
    return value


def test_inputs_are_made_from_the_type() -> None:
    check_step(takes_wide, examples=5)


def test_an_input_that_cannot_be_made_is_asked_for() -> None:
    with pytest.raises(TypeError, match="no input of type Any can be generated for step 'any'"):
        check_step(step(id="any")(lambda value: value))


# ---------------------------------------------------------------- how it is used
async def test_it_refuses_to_run_inside_of_trio() -> None:
    with pytest.raises(RuntimeError, match="call the check from a plain def"):
        check_step(takes_city, City("Oslo"))


def test_arguments_are_given_by_name() -> None:
    with pytest.raises(TypeError, match="arguments of tool 'plus' must be a mapping, not 1"):
        check_tool(plus, 1)


@pytest.mark.parametrize("wrong", [plus, lambda value: value])
def test_what_is_no_step_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"check_step\(\) expects a step made with @step, not "):
        check_step(wrong, 1)


def test_what_the_engine_lacks_is_its_own_error() -> None:
    with pytest.raises(UnknownNameError, match="tool 'plus': unknown limit 'few'"):
        check_tool(attrs.evolve(plus, limit="few"), {"a": 1, "b": 1})

    with pytest.raises(UnknownNameError, match="limit"):
        check_step(attrs.evolve(takes_city, limit="few"), City("Oslo"))

    check_step(attrs.evolve(takes_city, limit="few"), City("Oslo"), limits={"few": 1})


def test_tools_of_plugins_are_there() -> None:
    @step
    async def uses(value: int, ctx: StepContext) -> int:
        return int(await ctx.call_tool("plus", a=value, b=1))

    check_step(uses, 1, tools=[plus])


@pytest.mark.slow  # a new interpreter
def test_a_body_that_handles_everything_does_not_hang_the_process() -> None:
    code = (
        "import contextlib, gc, tests.test_check_step as t\n"
        "with contextlib.suppress(t.BodyContractError):\n"
        "    t.check_step(t.tries_again, 1)\n"
        "gc.collect()\n"
    )
    # Its loop would go on for ever in the garbage collector, or when the interpreter ends.
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=60)


class Opened(Runner):
    """A runner of another place, that has to be opened and does not notice a cancellation then."""

    async def __aenter__(self) -> Self:
        return self

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        await trio.sleep(1)
        return await fn(*args, **kwargs)


def test_a_step_can_be_canceled_while_its_runner_is_opened() -> None:
    check_step(attrs.evolve(takes_city, runner="far"), City("x"), runners={"far": Opened()})
