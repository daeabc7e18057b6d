"""Plays a scene: runs a generated workflow with all its readers on a virtual clock."""

from __future__ import annotations

import random
from typing import Any

import attrs
import trio
import trio._core._run
from trio.testing import MockClock

from tests.properties.scenes import Cancel, Observer, Reader, Scene
from tests.properties.watcher import Watcher
from trioflow import Engine, EventStream, Run, RunResult, Workflow, events, open_engine
from trioflow.testing import assert_no_leaks
from trioflow.testing._cancel import ENDLESS
from trioflow.testing.strategies import LIMITS, build
from trioflow.testing.strategies._bodies import Witness
from trioflow.testing.strategies._specs import WorkflowSpec

ANSWERS = {"go": 0.0, "late": 1.0}
"""After how many seconds someone sends an event that is waited for."""


QUIET = Scene()
"""A scene with one reader that reads as fast as it can."""


@attrs.frozen
class Heard:
    """What one reader got."""

    first: int
    """Which event it wanted first."""
    events: list[events.Event]
    to_the_end: bool
    """Whether it stayed to the end."""


@attrs.define
class Played:
    """What came of a scene."""

    workflow: Workflow[Any, Any]
    witness: Witness
    watcher: Watcher
    result: RunResult[Any] | None = None
    heard: list[Heard] = attrs.field(factory=list)
    left_running: bool = False
    """Whether the reader left while the run was running."""
    ended_at: int | None = None
    """How many events there were when someone ended the run early."""
    running: int = 0
    """How many bodies of steps ran at that moment."""
    canceled_before: int = 0
    """How many bodies of steps had been canceled by then."""

    @property
    def events(self) -> list[events.Event]:
        """All events of the run."""
        return self.watcher.events


def play(spec: WorkflowSpec, value: Any, scene: Scene = QUIET, seed: int = 0) -> Played:
    """Run the workflow of *spec* in *scene*; the same seed gives the same schedule."""
    schedule: random.Random = trio._core._run._r
    schedule.seed(seed)
    witness = Witness()
    played = Played(build(spec, witness), witness, Watcher())
    trio.run(_Stage(played, value, scene).play, clock=MockClock(autojump_threshold=0))
    return played


@attrs.define(eq=False)
class _Stage:
    played: Played
    value: Any
    scene: Scene
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    """Around the reader and, if it drives the run, around the run."""
    reading: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    """Around what the reader does inside the stream's block."""

    async def play(self) -> None:
        watcher = self.played.watcher
        with assert_no_leaks(), trio.fail_after(ENDLESS), watcher:
            async with (
                open_engine(limits=LIMITS, plugins=[watcher]) as engine,
                trio.open_nursery() as nursery,
            ):
                await self._perform(engine, nursery)

    async def _perform(self, engine: Engine, nursery: trio.Nursery) -> None:
        run = self._create(engine)
        self.played.watcher.watch(run)
        nursery.start_soon(self._answer, run)
        for observer in self.scene.observers:
            await nursery.start(self._observe, run, observer)
        if self.scene.cancel is not None:
            nursery.start_soon(self._cancel, run, self.scene.cancel)
        async with trio.open_nursery() as main:  # so that a run which is driven has its own task
            main.start_soon(self._read, run, self.scene.reader)
        self.played.result = await run.wait()
        self.played.watcher.requests.close()

    def _create(self, engine: Engine) -> Run[Any, Any]:
        workflow = self.played.workflow
        if self.scene.reader.how == "submits":
            return engine.submit(workflow, self.value, run_id="run")
        return engine.create_run(workflow, run_id="run")

    # ------------------------------------------------------------ those who read
    async def _read(self, run: Run[Any, Any], reader: Reader) -> None:
        with self.scope:
            match reader.how:
                case "starts":
                    await run.start(self.value)
                case "submits":
                    async with run.observe(max_buffer_size=reader.buffer, on_full="wait") as stream:
                        self.played.watcher.attach(stream)
                        await self._take(stream, 0, reader.pause, None)
                case _:
                    await self._stream(run, reader)

    async def _stream(self, run: Run[Any, Any], reader: Reader) -> None:
        async with run.stream(self.value, max_buffer_size=reader.buffer) as stream:
            with self.reading:
                if reader.how == "asks for the state":
                    await stream.get_workflow_state()
                else:
                    self.played.watcher.attach(stream)
                count = reader.count if reader.how == "leaves" else None
                await self._take(stream, 0, reader.pause, count)
            self.played.left_running = run.status == "running"

    async def _observe(
        self, run: Run[Any, Any], observer: Observer, *, task_status: trio.TaskStatus[None]
    ) -> None:
        if observer.at:
            task_status.started()
            await trio.sleep(observer.at)
        first = run.record.next_seq if observer.only_new else 0
        after = first - 1 if first else None
        opening = run.observe(after, max_buffer_size=observer.buffer, on_full="wait")
        async with opening as stream:
            self.played.watcher.attach(stream)
            if not observer.at:
                task_status.started()
            await self._take(stream, first, observer.pause, observer.count)

    async def _take(self, stream: EventStream, first: int, pause: float, count: int | None) -> None:
        """Read, with pauses, up to *count* events or to the end."""
        got: list[events.Event] = []
        to_the_end = False
        while len(got) != count and not to_the_end:
            try:
                got.append(await stream.receive())
                await trio.sleep(pause)
            except trio.EndOfChannel:
                to_the_end = True
        self.played.heard.append(Heard(first, got, to_the_end))

    # ------------------------------------------------------------ those who act
    async def _answer(self, run: Run[Any, Any]) -> None:
        """Send the events that are waited for, until the run is over."""

        async def send_later(name: str) -> None:
            await trio.sleep(ANSWERS[name])
            if run.status == "running":
                run.send_event(name, name)

        async with trio.open_nursery() as nursery:
            async for name in self.played.watcher.asked:
                if name in ANSWERS:
                    nursery.start_soon(send_later, name)
            nursery.cancel_scope.cancel()

    async def _cancel(self, run: Run[Any, Any], cancel: Cancel) -> None:
        await trio.sleep(cancel.at)
        if run.status != "running":
            return
        played = self.played
        played.ended_at = len(played.events)
        played.running = played.witness.running["step"]
        played.canceled_before = played.witness.canceled["step"]
        match cancel.how:
            case "cancel":
                run.cancel("enough")
            case "scope":
                self.scope.cancel()
            case "leave":
                self.reading.cancel()
            case "drain":
                await run.drain(cancel.grace)
