"""What is measured."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trioflow import StepContext, Workflow, open_engine, step
from trioflow.errors import HistoryGap
from trioflow.stores import MemoryStore

from .traces import Measures


@step
async def nap(value: float) -> float:
    await trio.sleep(value)
    return value


@step
async def fail(value: float) -> float:
    await trio.sleep(2)
    raise OSError


@step
async def ask(value: float, ctx: StepContext) -> Any:
    if ctx.resume_data is None:
        await trio.sleep(1)
        ctx.suspend()
    return ctx.resume_data


def durations(measures: Measures) -> dict[tuple[str, str, str], Any]:
    """Seconds and count by id, kind and status."""
    return {
        (
            str(about["trioflow.step.id"]),
            str(about["trioflow.step.kind"]),
            str(about["trioflow.step.status"]),
        ): (pytest.approx(total), count)
        for about, total, count in measures.points("trioflow.step.duration")
    }


class TestDurations:
    async def test_they_are_told_by_step_and_status(
        self, measures: Measures, autojump_clock: MockClock
    ) -> None:
        workflow = Workflow[Any, Any]("w").then(nap).then(Workflow("inner").then(fail))
        async with open_engine(plugins=[measures.plugin]) as engine:
            for seconds in (1, 3):
                await engine.create_run(workflow).start(seconds)

        assert durations(measures) == {
            ("nap", "step", "success"): (4, 2),
            ("inner.fail", "step", "failed"): (4, 2),
            ("inner", "workflow", "failed"): (4, 2),
        }
        (failed, *_) = (
            about
            for about, _, _ in measures.points("trioflow.step.duration")
            if about["trioflow.step.id"] == "inner.fail"
        )
        assert (failed["error.type"], failed["trioflow.workflow.id"]) == ("OSError", "w")

    async def test_items_waits_and_suspensions_count_too(
        self, measures: Measures, autojump_clock: MockClock
    ) -> None:
        items = Workflow[Any, Any]("items").foreach(nap, concurrency=3).map(lambda _: 0)
        workflow = items.sleep(7).then(ask)
        async with open_engine(plugins=[measures.plugin]) as engine:
            run = engine.create_run(workflow)
            await run.start([1.0, 2.0, 3.0])

        found = durations(measures)
        assert found["nap", "item", "success"] == (6, 3)
        assert found["nap", "foreach", "success"] == (3, 1)
        assert found["ask", "step", "suspended"] == (1, 1)
        assert [value for (_, kind, _), value in found.items() if kind == "sleep"] == [(7, 1)]

    async def test_a_canceled_step_counts_as_such(
        self, measures: Measures, autojump_clock: MockClock
    ) -> None:
        async with open_engine(plugins=[measures.plugin]) as engine:
            run = engine.submit(Workflow[Any, Any]("w").then(nap), 10)
            await trio.sleep(4)
            run.cancel()
            await run.wait()

        assert durations(measures) == {("nap", "step", "canceled"): (4, 1)}

    async def test_a_wait_counts_to_the_step_that_follows(
        self, measures: Measures, autojump_clock: MockClock
    ) -> None:
        async with open_engine(plugins=[measures.plugin]) as engine:
            run = engine.submit(Workflow[Any, Any]("w").wait_for_event("go", nap), 1)
            await trio.sleep(4)
            run.send_event("go")
            await run.wait()

        assert durations(measures) == {("nap", "step", "success"): (5, 1)}


class TestRuns:
    async def test_those_that_are_active_are_counted(
        self, measures: Measures, autojump_clock: MockClock
    ) -> None:
        seen = []

        def active() -> list[tuple[object, float]]:
            return [
                (about["trioflow.workflow.id"], value)
                for about, value, _ in measures.points("trioflow.run.active")
            ]

        async with open_engine(plugins=[measures.plugin]) as engine:
            first = engine.create_run(Workflow[Any, Any]("w").then(ask))
            second = engine.submit(Workflow[Any, Any]("w").then(nap), 5)
            await first.start(0)  # suspended after a second
            seen.append(active())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(second.wait)
                await first.resume(1)
            seen.append(active())

        assert seen == [[("w", 1)], [("w", 0)]]


class TestReaders:
    async def test_events_that_an_observer_has_missed_are_counted(self, measures: Measures) -> None:
        async with open_engine(plugins=[measures.plugin]) as engine:
            run = engine.create_run(Workflow[Any, Any]("w").then(nap))
            async with run.observe(max_buffer_size=2, on_full="gap") as observer:
                await run.start(0)
                with pytest.raises(HistoryGap):
                    async for _ in observer:
                        pass

        (point,) = measures.points("trioflow.observer.dropped_events")
        assert point == ({"trioflow.workflow.id": "w"}, 3, 1)

    async def test_the_time_that_is_waited_for_readers_is_measured(
        self, measures: Measures, autojump_clock: MockClock
    ) -> None:
        async with open_engine(plugins=[measures.plugin]) as engine:
            run = engine.create_run(Workflow[Any, Any]("w").then(nap))
            async with run.stream(0, max_buffer_size=2) as stream:
                await trio.sleep(3)
                async for _ in stream:
                    pass

        (point,) = measures.points("trioflow.run.blocked_time")
        assert point[:2] == ({"trioflow.workflow.id": "w"}, 3)


class TestWorkers:
    async def test_what_workers_take_and_what_waits_is_measured(
        self, measures: Measures, autojump_clock: MockClock
    ) -> None:
        flow = Workflow[Any, Any]("w").then(nap)
        store = MemoryStore()
        options: dict[str, Any] = {"store": store, "workflows": [flow]}
        async with open_engine(plugins=[measures.plugin], **options) as engine:
            await engine.enqueue("w", 1)
            waiting = await engine.enqueue("w", 1, queue="other")
            with trio.move_on_after(20):
                await engine.work()
            assert measures.points("trioflow.queue.waiting_runs")[0][:2] == (
                {"trioflow.queue": "other"},
                1,
            )
            await engine.delete_run(waiting)
        async with open_engine(plugins=[measures.plugin], **options) as engine:
            with trio.move_on_after(1):
                await engine.work()

        assert [point[1] for point in measures.points("trioflow.worker.taken_runs")] == [1]
        assert [point[1] for point in measures.points("trioflow.worker.lost_claims")] == [0]
        assert [point[1] for point in measures.points("trioflow.queue.oldest_waiting")] != []
