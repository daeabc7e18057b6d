"""Steps that the tests run in worker processes, which import them from here.

It stands beside the folder of the tests, for in there every plugin's modules would be ``tests.x``.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import threading
import warnings
from typing import Any, NoReturn

import attrs
import trio
from trioflow_process import WorkerCrashedError

from trioflow import Retry, StepContext, TracingContext, step, tool

log = logging.getLogger("trioflow_process_tests")


@attrs.frozen
class Part:
    """A value with something in it."""

    name: str
    content: Any = None


@attrs.frozen
class Count:
    """A state."""

    count: int = 0


# ---------------------------------------------------------------- values
@step(runner="process")
def where(_: Any) -> int:
    """Return the process."""
    return os.getpid()


@step(runner="process")
def rename(part: Part) -> Part:
    """Return a value like the input."""
    return attrs.evolve(part, name=part.name.upper())


@step(runner="process")
def give(what: str) -> Any:
    """Return something that cannot be pickled, or not be read."""
    return {
        "lock": {"a": [1, Part("p", threading.Lock())]},
        "lambda": lambda: None,
        "unreadable": Unreadable(),
    }[what]


class Unreadable:
    """Can be written, but not read."""

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> NoReturn:
    raise ValueError("not for reading")


def _plain(value: int) -> int:
    return value + 1


plain = step(id="plain", runner="process")(_plain)
bound = step(id="bound", runner="process")(functools.partial(pow, 2))


@tool(runner="process")
def multiply(left: int, right: int, ctx: StepContext[Any]) -> list[int]:
    """Multiply, in a process."""
    return [left * right, os.getpid()]


@step
async def calls_multiply(value: int, ctx: StepContext[Any]) -> list[int]:
    """Call a tool that runs in a process."""
    return await ctx.call_tool(multiply, value, right=3)


# ---------------------------------------------------------------- ends
@step(runner="process")
def spin(_: Any, ctx: StepContext[Any]) -> None:
    """Say where it runs, and keep a CPU busy for ever."""
    log.warning("spinning")
    trio.from_thread.run(ctx.write, os.getpid())
    while True:
        pass


@step(runner="process", timeout=0.3)
def spin_for_a_while(_: Any) -> None:
    """Keep a CPU busy until it is too long."""
    while True:
        pass


@step(runner="process")
def crash(code: int) -> None:
    """End the worker in the middle of the step."""
    log.warning("about to crash")
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


@step(runner="process", retries=Retry(attempts=3, on=(WorkerCrashedError,)))
def crash_twice(value: int, ctx: StepContext[Any]) -> list[int]:
    """Crash in all attempts but the third."""
    if ctx.attempt < 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return [value, ctx.attempt]


@step(runner="process")
def fork(_: Any, ctx: StepContext[Any]) -> int:
    """Leave a process behind that holds all that was open, and return its id."""
    trio.from_thread.run(ctx.write, "about to fork")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads
        pid = os.fork()
    if pid == 0:
        signal.pause()
    return pid


# ---------------------------------------------------------------- exceptions
class CodeError(Exception):
    """Takes something else than it has in its args."""

    def __init__(self, code: int, *, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


@attrs.define(eq=False)
class FieldsError(Exception):
    """Has slots."""

    code: int
    text: str


class LockedError(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


@step(runner="process")
def fail(what: str) -> None:
    """Raise an exception of some kind."""
    match what:
        case "plain":
            error: BaseException = ValueError("no", 5)
            error.add_note("a note")
            raise error
        case "code":
            raise CodeError(7, text="seven")
        case "fields":
            raise FieldsError(7, "seven")
        case "os":
            os.stat("/nowhere/at/all")
        case "cause":
            try:
                _refuse()
            except ValueError as exc:
                raise KeyError("outer") from exc
        case "locked":
            raise LockedError
        case "locked cause":
            try:
                raise LockedError
            except LockedError as exc:
                raise KeyError("outer") from exc
        case "local":

            class LocalError(Exception):
                pass

            raise LocalError("from nowhere")
        case "group":
            raise ExceptionGroup("two", [ValueError(1), FieldsError(2, "b")])
        case "recursion":
            fail.fn(what)
        case "circle":
            error = ValueError("round")
            error.__cause__ = KeyError("and round")
            error.__cause__.__cause__ = error
            raise error
        case "unreadable":
            raise ValueError(Unreadable())


# ---------------------------------------------------------------- contexts
@step(runner="process")
def look_around(value: int, more: int = 0, ctx: StepContext[Any] | None = None) -> dict[str, Any]:
    """Return all that a context tells."""
    assert ctx is not None
    return {
        "run_id": ctx.run_id,
        "workflow_id": ctx.workflow_id,
        "step_id": ctx.step_id,
        "step_call_id": ctx.step_call_id,
        "attempt": ctx.attempt,
        "iteration": ctx.iteration,
        "init_data": ctx.init_data,
        "resume_data": ctx.resume_data,
        "suspend_data": ctx.suspend_data,
        "state": ctx.state,
        "runtime_context": dict(ctx.runtime_context),
        "tracing_context": ctx.tracing_context,
        "result": ctx.step_result(plain),
        "no result": ctx.step_result("nothing", "default"),
    }


@step(runner="process")
def change(value: int, ctx: StepContext[Any]) -> list[Any]:
    """Change state and runtime context."""
    ctx.set_state(count=value)
    context = ctx.runtime_context
    context["new"] = [value]
    del context["old"]
    return [sorted(context), len(context), "old" in context, repr(context)]


@step(runner="process")
def write_many(count: int, ctx: StepContext[Any]) -> int:
    """Write chunks and log about it."""
    for number in range(count):
        trio.from_thread.run(ctx.write, {"number": number})
        log.info("wrote %d", number)
    return count


@step(runner="process")
def log_things(_: Any, ctx: StepContext[Any]) -> None:
    """Make log records."""
    log.info("one %s", "two", extra={"tag": "t", "thing": threading.Lock()})
    log.debug("nobody wants to know")
    try:
        _refuse()
    except ValueError:
        log.exception("failed")
    thread = threading.Thread(target=logging.getLogger("elsewhere").warning, args=["threaded"])
    thread.start()
    thread.join()


@tool
async def shout(text: str) -> str:
    """Return it louder."""
    await trio.lowlevel.checkpoint()
    return text.upper()


@tool
async def ask_boss(text: str, ctx: StepContext[Any]) -> str:
    """Wait for somebody's answer."""
    if ctx.resume_data is None:
        ctx.suspend({"question": text})
    return str(ctx.resume_data)


@tool
async def give_lock() -> Any:
    """Return something that cannot be pickled."""
    return threading.Lock()


@step(runner="process")
def call_tools(text: str, ctx: StepContext[Any]) -> list[str]:
    """Call a tool, as itself and by its id."""
    call = functools.partial(ctx.call_tool, "shout", text=text)
    return [trio.from_thread.run(ctx.call_tool, shout, text), trio.from_thread.run(call)]


@step(runner="process")
def call_at_once(text: str, ctx: StepContext[Any]) -> list[str]:
    """Call tools at the same time, from an async function."""
    found: list[str] = []

    async def call(part: str) -> None:
        found.append(await ctx.call_tool(shout, part))

    async def call_all() -> None:
        async with trio.open_nursery() as nursery:
            for part in text.split():
                nursery.start_soon(call, part)

    trio.from_thread.run(call_all)
    return sorted(found)


@tool
async def sleep_twice() -> None:
    """Sleep in two tasks, so that a cancellation comes out as a group."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(trio.sleep_forever)


@tool
async def fail_when_canceled() -> None:
    """Fail because of a cancellation."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("not now")


@step(runner="process")
def give_up(_: Any, ctx: StepContext[Any]) -> list[str]:
    """Call tools, and cancel them as soon as somebody says that they have begun."""
    found: list[str] = []

    async def call(slow: Any, scope: trio.CancelScope) -> None:
        with scope:
            await ctx.call_tool(slow)
        found.append("given up")

    async def call_shortly(slow: Any) -> None:
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(call, slow, scope)
            await ctx.wait_for("begun")
            scope.cancel()

    trio.from_thread.run(call_shortly, sleep_twice)
    try:
        trio.from_thread.run(call_shortly, fail_when_canceled)
    except* ValueError:
        found.append("failed")
    return found


@step(runner="process")
def ask(text: str, ctx: StepContext[Any]) -> str:
    """Call a tool that suspends."""
    return trio.from_thread.run(ctx.call_tool, ask_boss, text)


@step(runner="process")
def suspend(_: Any, ctx: StepContext[Any]) -> list[Any]:
    """Suspend, as itself."""
    if ctx.resume_data is None:
        ctx.set_state(asked=True)
        ctx.suspend({"pid": os.getpid()}, label="here")
    return [ctx.resume_data, ctx.suspend_data["pid"] > 0]


@step(runner="process")
def bail(value: int, ctx: StepContext[Any]) -> None:
    """End the workflow."""
    ctx.bail(value * 2)


@step(runner="process")
def abort(_: Any, ctx: StepContext[Any]) -> None:
    """Cancel the run."""
    ctx.abort("enough")
    while True:
        pass


@step(runner="process")
def wait_for_parts(_: Any, ctx: StepContext[Any]) -> list[Any]:
    """Wait for an event in vain, and then for another that comes."""

    async def wait_shortly() -> Any:
        with trio.move_on_after(0.01):
            return await ctx.wait_for("part", Part)
        return "nothing"

    first = trio.from_thread.run(wait_shortly)
    trio.from_thread.run(ctx.write, "waited")
    second = trio.from_thread.run(ctx.wait_for, "part", Part)
    return [first, second, trio.from_thread.run(ctx.wait_for, "any")]


@step(runner="process")
def try_what_fails(what: str, ctx: StepContext[Any]) -> str:
    """Return what the context says to something that it cannot do."""
    lock = threading.Lock()
    try:
        match what:
            case "chunk":
                trio.from_thread.run(ctx.write, {"a": [lock]})
            case "answer":
                trio.from_thread.run(ctx.call_tool, give_lock)
            case "tool":
                trio.from_thread.run(ctx.call_tool, "shot")
            case "arguments":
                trio.from_thread.run(functools.partial(ctx.call_tool, shout, text=lock))
            case "state":
                ctx.set_state(cuont=1)
            case "result":
                ctx.step_result("later")
            case "key":
                ctx.runtime_context["unknown"]
            case "stream":
                ctx.stream_tool(shout)
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"
    return "it could"


@step(runner="process")
def leave_thread(_: Any, ctx: StepContext[Any]) -> None:
    """Leave a thread behind that asks when the step has ended."""

    def ask_late() -> None:
        over.wait(10)
        try:
            ctx.set_state(late=True)
        except Exception as exc:
            late.append(str(exc))
        log.warning("too late")
        told.set()

    late.clear()
    threading.Thread(target=ask_late, daemon=True).start()


late: list[str] = []
over, told = threading.Event(), threading.Event()


@step(runner="process")
def what_was_late(_: Any) -> list[str]:
    """Return what the thread was told that was left behind."""
    over.set()
    told.wait(10)
    return late


PLACE = TracingContext("a span that can be pickled")
