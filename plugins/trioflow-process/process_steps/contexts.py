"""Bodies that read and change their context, and use it in unsupported ways."""

from __future__ import annotations

import functools
import threading
from typing import Any

import attrs
import trio

from process_steps.output import log
from process_steps.tools import give_lock, shout
from process_steps.values import plain
from trioflow import StepContext, TracingContext, step

PLACE = TracingContext("a span that can be pickled")


@attrs.frozen
class Count:
    """A state."""

    count: int = 0


@step(runner="process")
def look_around(value: int, more: int = 0, ctx: StepContext[Any] | None = None) -> dict[str, Any]:
    """Return all attributes of a context."""
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
def keep_privately(value: int, ctx: StepContext[Any]) -> dict[str, Any]:
    """Change and read the private state of a plugin, and find a tool."""
    ctx.set_private_state("plugin", {"a": value})
    ctx.set_private_state("plugin", {"b": [value]})
    return {**ctx.private_state("plugin"), "tool": ctx.find_tool("shout").id}


@step(runner="process")
def try_what_fails(what: str, ctx: StepContext[Any]) -> str:
    """Return the errors of unsupported uses of the context."""
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


# ---------------------------------------------------------------- a thread that outlives its body
late: list[str] = []
over, told = threading.Event(), threading.Event()


@step(runner="process")
def leave_thread(_: Any, ctx: StepContext[Any]) -> None:
    """Start a thread that uses the context after the step has finished."""

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


@step(runner="process")
def what_was_late(_: Any) -> list[str]:
    """Return the error that this thread received."""
    over.set()
    told.wait(10)
    return late
