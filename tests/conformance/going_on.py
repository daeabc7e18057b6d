"""Actions that continue a run, or fork it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

import trio

from trioflow import Run, RunResult, RunStream
from trioflow.context import MISSING

from .session import Action, Session
from .undefined import UNDEFINED, native

TURNS = 10
"""How many turns of the scheduler a run has to settle before it is given an answer."""
Opened: TypeAlias = AbstractAsyncContextManager[Any]


def _answer(session: Session, action: Action) -> dict[str, Any]:
    label = action.get("label", "")
    return {
        "step": action.get("step"),
        "data": native(action["data"]) if "data" in action else UNDEFINED,
        "label": session.builder.effects.labels.get(label, label) or None,
        "index": action.get("forEachIndex"),
        "runtime_context": native(action.get("context", {})),
        "per_step": bool(action.get("opts", {}).get("perStep")),
    }


def _journey(action: Action) -> dict[str, Any]:
    outputs = {id: record.get("output") for id, record in action.get("steps", {}).items()}
    return {
        "step": action["step"],
        "input_data": native(action["input"]) if "input" in action else MISSING,
        "context": native(outputs),
        "resume_data": native(action["data"]) if "data" in action else MISSING,
        "run_id": str(uuid.uuid4()),
    }


async def _let_settle() -> None:
    """Let a run settle whose last step has just been seen to suspend, however deep it is."""
    for _ in range(TURNS):
        await trio.lowlevel.checkpoint()


# ---------------------------------------------------------------- without a stream
async def resume(session: Session, action: Action) -> None:
    """Answer a suspended run."""
    run = session.run(action)
    await _let_settle()
    await _settle(session, action, "resume", run, lambda: run.resume(**_answer(session, action)))


async def recover(session: Session, action: Action) -> None:
    """Go on with a run whose process died."""
    run = session.run(action)
    await _settle(session, action, "restart", run, run.recover)


async def fork(session: Session, action: Action) -> None:
    """Fork a run."""
    run = session.run(action)

    async def start() -> RunResult[Any]:
        async with _forked(run, action) as stream:
            result = await stream.get_workflow_state()
        session.arrived(action, stream.run)
        return result

    await _settle(session, action, "timeTravel", run, start)


@asynccontextmanager
async def _forked(run: Run[Any, Any], action: Action) -> AsyncGenerator[RunStream[Any], None]:
    forked = await run.fork(**_journey(action))
    per_step = bool(action.get("opts", {}).get("perStep"))
    async with forked.stream(per_step=per_step) as stream:
        yield stream


async def _settle(
    session: Session,
    action: Action,
    name: str,
    run: Run[Any, Any],
    go_on: Callable[[], Awaitable[RunResult[Any]]],
) -> None:
    """Keep the result, or what the caller gets instead of one."""
    name = action.get("as", name)

    async def settle() -> None:
        try:
            result = await go_on()
        except Exception as error:
            session.reject(name, action, error)
        else:
            await session.keep(name, session.run(action), result, action)

    session.results[name] = {"$pending": True}
    if action.get("async"):
        session.nursery.start_soon(settle)
    else:
        await settle()


# ---------------------------------------------------------------- with a stream
async def resume_stream(session: Session, action: Action) -> None:
    """Answer a suspended run, and read what follows."""
    run = session.run(action)
    await _let_settle()
    await _read(session, action, "main", lambda: run.resume_stream(**_answer(session, action)))


async def fork_stream(session: Session, action: Action) -> None:
    """Fork a run, and read what follows."""
    run = session.run(action)
    await _read(session, action, "timeTravel", lambda: _forked(run, action))


async def _read(
    session: Session, action: Action, name: str, open_stream: Callable[[], Opened]
) -> None:
    name = action.get("as", name)

    async def read(*, task_status: trio.TaskStatus[None]) -> None:
        async with AsyncExitStack() as stack:
            try:
                stream = await stack.enter_async_context(open_stream())
            except Exception as error:
                session.reject(name, action, error)
                task_status.started()
                return
            session.arrived(action, stream.run)
            session.open_log(name)
            task_status.started()
            await session.read(name, stream.run, stream, action["do"])
            result = await stream.get_workflow_state()
        await session.keep(name, stream.run, result, action)
        session.close_log(name)

    await session.nursery.start(read)
