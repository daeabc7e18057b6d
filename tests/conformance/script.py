"""Scripts of the case format: what is done with runs, and what is seen of them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from typing import Any

import attrs
import trio

from trioflow import Engine, Run, RunResult
from trioflow import events as ev

from .bodies import NotSupportedError, seconds
from .build import Builder
from .schemas import let_through
from .translate import Translator, flavour_of, remember, result_to_recorded
from .undefined import UNDEFINED, native

Action = Mapping[str, Any]
HANG_MS = 400
"""A record is complete when nothing has happened for so long."""


@attrs.define
class Log:
    """The recorded events of one stream."""

    events: list[dict[str, Any]] = attrs.field(factory=list)
    closed: bool = False

    def count(self, type: str, id: str | None) -> int:
        """Return how many events of that type and id there are."""
        return sum(
            event["type"] == type and id in (None, event.get("payload", {}).get("id"))
            for event in self.events
        )


@attrs.define
class Session:
    """One execution of a script."""

    engine: Engine
    builder: Builder
    nursery: trio.Nursery
    runs: dict[str, Run[Any, Any]] = attrs.field(factory=dict)
    logs: dict[str, Log] = attrs.field(factory=dict)
    results: dict[str, Any] = attrs.field(factory=dict)
    values: dict[str, Any] = attrs.field(factory=dict)
    errors: list[dict[str, Any]] = attrs.field(factory=list)
    changes: int = 0
    changed: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    async def play(self, script: list[Action]) -> None:
        """Do one action after another; an error of one is kept, and the next one follows."""
        for index, action in enumerate(script):
            if action["do"] not in ACTIONS:
                raise NotSupportedError(f"action {action['do']}")
            try:
                await ACTIONS[action["do"]](self, action)
            except NotSupportedError:
                raise
            except Exception as error:
                self._note_error(index, action, error)
                if action["do"] == "createRun":
                    return

    def _note_error(self, index: int, action: Action, error: Exception) -> None:
        recorded = self.builder.words.error(error, at_begin=True)
        self.errors.append({"index": index, "do": action["do"], "error": recorded})
        if action["do"] in ("start", "stream"):  # whoever asks for the result gets it, too
            self.results.setdefault(action.get("as", "main"), {"$rejected": recorded})

    # ------------------------------------------------------------ what is awaited
    def note_change(self) -> None:
        """Wake those who wait for something to happen."""
        self.changes += 1
        self.changed.unpark_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so.

        Raises:
          NotSupportedError: if a body gave up, so that it may never be.
        """
        while not condition():
            self.check_supported()
            await self.changed.park()

    def check_supported(self) -> None:
        """Give the case up if a body of it did.

        Raises:
          NotSupportedError: if so.
        """
        if self.builder.effects.not_supported:
            raise NotSupportedError(self.builder.effects.not_supported[0])

    @property
    def settled(self) -> bool:
        """Whether all streams are closed and all results are there."""
        pending = any(result.get("$pending") for result in self.results.values())
        return not pending and all(log.closed for log in self.logs.values())

    async def wait_settled(self, hang_ms: float) -> None:
        """Wait until all is settled, or nothing has happened for that long."""
        while not self.settled:
            before = self.changes
            with trio.move_on_after(seconds(hang_ms)):
                await self.until(lambda: self.changes != before)  # noqa: B023 - awaited here
            if self.changes == before:
                return

    # ------------------------------------------------------------ runs
    def run(self, action: Action) -> Run[Any, Any]:
        """Return the run that an action names, created on first use."""
        name = action.get("run", "run")
        if name not in self.runs:
            self.runs[name] = self.engine.create_run("wf", run_id=_run_id(action))
        return self.runs[name]

    async def read(self, name: str, events: AsyncIterable[ev.Event], api: str) -> None:
        """Keep the events of a stream until it ends."""
        log = self.logs[name]
        translator = Translator(
            flavour_of(self.builder.words, api), self.builder.words, self.builder.checked_inputs
        )
        async for event in events:
            recorded = translator.translate(event)
            log.events += recorded
            if recorded:
                self.note_change()
        log.closed = True
        self.note_change()

    async def keep(
        self, name: str, run: Run[Any, Any], result: RunResult[Any], action: Action
    ) -> None:
        """Keep a result, in its recorded form."""
        async with run.observe() as history:
            memory = remember([event async for event in history], self.builder.words)
        options = action.get("opts", {}).get("outputOptions", {})
        self.results[name] = result_to_recorded(
            result,
            self.builder.words,
            memory,
            schemas=self.builder.checked_inputs,
            with_state=bool(options.get("includeState")),
        )
        self.note_change()


def _run_id(action: Action) -> str | None:
    id: str | None = action.get("opts", {}).get("runId")
    return id


def _start_arguments(session: Session, action: Action) -> dict[str, Any]:
    options = action.get("opts", {})
    if options.get("perStep"):
        raise NotSupportedError("perStep")
    schema = session.builder.state_schema
    state = native(action["state"]) if "state" in action else None
    if schema is not None:
        state = let_through({} if state is None else state, schema)
    return {
        "input_data": native(action["input"]) if "input" in action else UNDEFINED,
        "runtime_context": native(action.get("context", {})),
        "initial_state": state,
    }


# ---------------------------------------------------------------- actions
async def _create_run(session: Session, action: Action) -> None:
    name = action.get("run", "run")
    other = session.runs.get(action.get("sameIdAs", ""))
    if other is not None:
        session.runs[name] = session.engine.get_run(other.run_id)
        session.values[f"{name}==={action['sameIdAs']}"] = session.runs[name] is other
        return
    session.runs[name] = session.engine.create_run("wf", run_id=_run_id(action))


async def _stream(session: Session, action: Action) -> None:
    run, name, arguments = (
        session.run(action),
        action.get("as", "main"),
        _start_arguments(session, action),
    )

    async def read(*, task_status: trio.TaskStatus[None]) -> None:
        async with run.stream(**arguments) as stream:
            session.logs[name] = Log()
            session.results[name] = {"$pending": True}
            task_status.started()
            await session.read(name, stream, action["do"])
            result = await stream.get_workflow_state()
        await session.keep(name, run, result, action)

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
    last = run.state.next_seq - 1 if session.builder.words.is_old else None
    stream = run.observe(after=last)

    async def read() -> None:
        async with stream:
            await session.read(name, stream, action["do"])

    session.nursery.start_soon(read)


async def _status(session: Session, action: Action) -> None:
    run = session.run(action)
    # The new engine makes itself a storage in memory if it is given none.
    has_storage = session.builder.case.get("storage") != "none" or not session.builder.words.is_old
    status = session.engine.get_run(run.run_id).status if has_storage else None
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


async def _later(session: Session, action: Action) -> None:
    raise NotSupportedError(f"action {action['do']}")


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
    "resume": _later,
    "resumeStream": _later,
    "resumeStreamVNext": _later,
    "restart": _later,
    "timeTravel": _later,
    "timeTravelStream": _later,
}
