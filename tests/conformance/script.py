"""Scripts of the case format: what is done with runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio

from trioflow import RunStream

from . import going_on
from .place import NotSupportedError, seconds
from .schemas import let_through
from .session import Action, Log, Session, run_id_of
from .undefined import UNDEFINED, native


async def play(session: Session, script: Sequence[Action]) -> None:
    """Do one action after another; an error of one is kept, and the next one follows."""
    for index, action in enumerate(script):
        if action["do"] not in ACTIONS:
            raise NotSupportedError(f"action {action['do']}")
        try:
            await ACTIONS[action["do"]](session, action)
        except NotSupportedError:
            raise
        except Exception as error:
            session.note_error(index, action, error)
            if action["do"] == "createRun":
                return


def _start_arguments(session: Session, action: Action) -> dict[str, Any]:
    options = action.get("opts", {})
    schema = session.builder.state_schema
    state = native(action["state"]) if "state" in action else None
    if schema is not None:
        state = let_through({} if state is None else state, schema)
    return {
        "input_data": native(action["input"]) if "input" in action else UNDEFINED,
        "runtime_context": native(action.get("context", {})),
        "initial_state": state,
        "per_step": bool(options.get("perStep")),
    }


# ---------------------------------------------------------------- actions
async def _create_run(session: Session, action: Action) -> None:
    name = action.get("run", "run")
    other = session.runs.get(action.get("sameIdAs", ""))
    if other is not None:
        session.runs[name] = session.engine.get_run(other.run_id)
        session.values[f"{name}==={action['sameIdAs']}"] = session.runs[name] is other
        return
    session.runs[name] = session.engine.create_run("wf", run_id=run_id_of(action))


async def _stream(session: Session, action: Action) -> None:
    run, name, arguments = (
        session.run(action),
        action.get("as", "main"),
        _start_arguments(session, action),
    )

    legacy = session.builder.words.is_old if action["do"] == "stream" else "Legacy" in action["do"]
    closes = action.get("opts", {}).get("closeOnSuspend", not legacy)

    async def read(*, task_status: trio.TaskStatus[None]) -> None:
        async with (
            run.stream(**arguments, close_on_suspend=closes) as stream,
            trio.open_nursery() as nursery,
        ):
            session.open_log(name)
            if not closes:
                nursery.start_soon(keep_result, stream)
            task_status.started()
            await session.read(name, run, stream, action["do"])
        await keep_result(stream)
        session.close_log(name)

    async def keep_result(stream: RunStream[Any]) -> None:
        await session.keep(name, run, await stream.get_workflow_state(), action)

    await session.nursery.start(read)


async def _start(session: Session, action: Action) -> None:
    run, name, arguments = (
        session.run(action),
        action.get("as", "main"),
        _start_arguments(session, action),
    )

    async def start() -> None:
        await session.keep(name, run, await run.start(**arguments), action)

    if action.get("async"):
        session.results[name] = {"$pending": True}
        session.nursery.start_soon(start)
    else:
        await start()


async def _cancel(session: Session, action: Action) -> None:
    session.run(action).cancel()


async def _send_event(session: Session, action: Action) -> None:
    data = native(action["data"]) if "data" in action else UNDEFINED
    session.run(action).send_event(action["event"], data)


async def _observe(session: Session, action: Action) -> None:
    run, name = session.run(action), action["as"]
    session.logs[name] = Log()
    # The old engine hands out only what comes now, the new one all that has been.
    last = run.record.next_seq - 1 if session.builder.words.is_old else None
    opening = run.observe(after=last)

    async def read() -> None:
        async with opening as stream:
            await session.read(name, run, stream, action["do"])
        session.close_log(name)

    session.nursery.start_soon(read)


async def _status(session: Session, action: Action) -> None:
    run = session.run(action)
    # The new engine makes itself a storage in memory if it is given none.
    has_storage = session.builder.case.get("storage") != "none" or not session.builder.words.is_old
    if run.run_id not in session.shown_ids:
        run = session.engine.get_run(run.run_id)
    status = run.status if has_storage else None
    session.values[action.get("as", "status")] = status


async def _wait_for(session: Session, action: Action) -> None:
    name, wanted = action.get("stream", "main"), action.get("count", 1)

    def has_come() -> bool:
        log = session.logs.get(name, Log())
        return log.count(action["type"], action.get("id")) >= int(wanted)

    await session.until(has_come)
    await trio.lowlevel.checkpoint()  # one turn for the engine


async def _sleep(session: Session, action: Action) -> None:
    await trio.sleep(seconds(action["ms"]))


async def _drain(session: Session, action: Action) -> None:
    await session.until(lambda: session.logs[action["of"]].closed)


async def _result(session: Session, action: Action) -> None:
    await session.until(lambda: not session.results[action["of"]].get("$pending"))


ACTIONS: dict[str, Callable[[Session, Action], Awaitable[None]]] = {
    "createRun": _create_run,
    "stream": _stream,
    "streamVNext": _stream,
    "streamLegacy": _stream,
    "start": _start,
    "cancel": _cancel,
    "sendEvent": _send_event,
    "observe": _observe,
    "status": _status,
    "waitFor": _wait_for,
    "sleep": _sleep,
    "drain": _drain,
    "result": _result,
    "resume": going_on.resume,
    "resumeStream": going_on.resume_stream,
    "resumeStreamVNext": going_on.resume_stream,
    "restart": going_on.recover,
    "timeTravel": going_on.fork,
    "timeTravelStream": going_on.fork_stream,
}
