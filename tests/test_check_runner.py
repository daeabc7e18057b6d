"""Runners that are broken in one way each: check_runner names the promise they break.

Each runner differs from a good one in one thing, and says in its docstring which promise that
breaks. Bodies run in real threads, so there is no virtual time here.
"""

from __future__ import annotations

import functools
import inspect
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any, Self

import pytest
import trio
import trio.testing

from trioflow import StepContext
from trioflow.abc import Runner
from trioflow.errors import DefinitionError
from trioflow.runners import InlineRunner, ThreadRunner
from trioflow.testing import RunnerContractError, assert_no_leaks, check_runner
from trioflow.testing._runners import CHOOSING, CLOSING, OPENING, PROMISES, calling, sharing


# ---------------------------------------------------------------- ours
@pytest.mark.parametrize("make_runner", [InlineRunner, ThreadRunner, lambda: ThreadRunner(2)])
async def test_built_in_runners_do_what_runners_promise(make_runner: Callable[[], Runner]) -> None:
    with assert_no_leaks():
        await check_runner(make_runner)


async def test_a_runner_with_one_place_is_not_asked_for_two() -> None:
    await check_runner(lambda: ThreadRunner(1), places=1)


# ---------------------------------------------------------------- broken runners
def _is_broken(value: Any) -> bool:
    is_runner = isinstance(value, type) and issubclass(value, Good)
    return is_runner and value is not Good


async def in_thread(fn: Any, /, *args: Any, **kwargs: Any) -> Any:
    return await trio.to_thread.run_sync(functools.partial(fn, *args, **kwargs))


class Good(Runner):
    """Breaks nothing: bodies run in a thread, or in the task if they are async."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        if inspect.iscoroutinefunction(fn):
            return await fn(*args, **kwargs)
        return await in_thread(fn, *args, **kwargs)


class Chooses(Good):
    """check() accepts a function or raises DefinitionError: something else is raised."""

    def check(self, fn: Any, where: str) -> None:
        raise TypeError("not for me")


class TakesNothing(Good):
    """check() accepts a function or raises DefinitionError: there is nothing it accepts."""

    def check(self, fn: Any, where: str) -> None:
        raise DefinitionError(where, "it is a function", "do without")


class CannotOpen(Good):
    """a runner can be opened and closed: opening raises."""

    async def __aenter__(self) -> Self:
        raise RuntimeError("jammed")


class CannotClose(Good):
    """a runner can be opened and closed: closing raises."""

    async def __aexit__(self, *exc_info: object) -> None:
        raise RuntimeError("jammed")


class ReturnsText(Good):
    """run() returns what the function returns: it returns its repr instead."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        return repr(await super().run(ctx, fn, *args, **kwargs))


class DropsKeywords(Good):
    """run() returns what the function returns: keyword arguments never arrive."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await super().run(ctx, fn, *args)


class DoesNotAwait(Good):
    """run() returns what the function returns: the coroutine of an async one comes back."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await in_thread(fn, *args, **kwargs)


class Groups(Good):
    """run() raises the function's own exception: a nursery puts it into a group."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        async with trio.open_nursery():
            return await super().run(ctx, fn, *args, **kwargs)


class Rewrites(Good):
    """run() raises the function's own exception: it raises an error of its own."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().run(ctx, fn, *args, **kwargs)
        except Exception as exc:
            raise RuntimeError("it failed") from exc


class LosesTracebacks(Good):
    """run() raises the function's own exception: nobody can see where it came from."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().run(ctx, fn, *args, **kwargs)
        except Exception as exc:
            caught = exc
        raise type(caught)(*caught.args)


class Swallows(Good):
    """run() raises the function's own exception: it returns None."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().run(ctx, fn, *args, **kwargs)
        except Exception:
            return None


class DropsContext(Good):
    """the function gets the context that run() was given: it gets None."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        args = tuple(None if value is ctx else value for value in args)
        named = {name: None if value is ctx else value for name, value in kwargs.items()}
        return await super().run(ctx, fn, *args, **named)


class LosesVariables(Good):
    """the function sees the caller's context variables: the body sees an empty context."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        if inspect.iscoroutinefunction(fn):
            return await fn(*args, **kwargs)
        empty = copy_context().run(lambda: EMPTY)
        return await in_thread(lambda: empty.run(fn, *args, **kwargs))


EMPTY = copy_context()


class Buffers(Good):
    """written chunks arrive immediately and in order: it comes when the body has ended."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        held = Held(ctx)
        args = tuple(held if value is ctx else value for value in args)
        named = {name: held if value is ctx else value for name, value in kwargs.items()}
        try:
            return await super().run(ctx, fn, *args, **named)
        finally:
            for chunk in held.chunks:
                await ctx.write(chunk)


class Held(StepContext[Any]):
    """Keeps what is written to itself."""

    def __init__(self, ctx: Any) -> None:
        super().__init__(ctx._call)
        self.chunks: list[Any] = []

    async def write(self, chunk: Any) -> None:
        self.chunks.append(chunk)


class WritesBackwards(Buffers):
    """written chunks arrive immediately and in order: the last comes first."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        writer = Backwards(ctx)
        args = tuple(writer if value is ctx else value for value in args)
        named = {name: writer if value is ctx else value for name, value in kwargs.items()}
        return await Good.run(self, ctx, fn, *args, **named)


class Backwards(Held):
    """Holds four chunks back and then writes all of them, the last first."""

    async def write(self, chunk: Any) -> None:
        self.chunks.append(chunk)
        while len(self.chunks) >= 5 or (len(self.chunks) and chunk == 4):
            await StepContext.write(self, self.chunks.pop())


class MixesUp(Good):
    """each call returns its own output: it gets that of whoever has ended last."""

    last: Any = None

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.last = await super().run(ctx, fn, *args, **kwargs)
        await trio.testing.wait_all_tasks_blocked()
        return self.last


class OneByOne(Good):
    """bodies run concurrently: they wait for each other."""

    def __init__(self) -> None:
        self.lock = trio.Lock()

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        async with self.lock:
            return await super().run(ctx, fn, *args, **kwargs)


class BreaksOnCancel(Good):
    """the runner still works after failed and canceled bodies: it is of no use after the latter."""

    is_broken = False

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        if self.is_broken:
            raise RuntimeError("out of order")
        try:
            return await super().run(ctx, fn, *args, **kwargs)
        except trio.Cancelled:
            self.is_broken = True
            raise


class BreaksBefore(Good):
    """the runner still works after a call that was canceled early: it keeps its place."""

    def __init__(self) -> None:
        self.free = 40

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        if not self.free:
            raise RuntimeError("no place is free")
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
        except trio.Cancelled:
            self.free = 0
            raise
        return await super().run(ctx, fn, *args, **kwargs)


class Abandons(Good):
    """run() ends only after a canceled body has ended: its thread is left to itself."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        if inspect.iscoroutinefunction(fn):
            return await fn(*args, **kwargs)
        call = functools.partial(fn, *args, **kwargs)
        return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


class Forgets(Good):
    """run() ends only after a canceled body has ended: it goes on in another task."""

    async def __aenter__(self) -> Self:
        self.manager = trio.open_nursery()
        self.nursery = await self.manager.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        self.nursery.cancel_scope.cancel()
        await self.manager.__aexit__(*exc_info)

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        over = trio.Event()
        outcome: list[Any] = []

        async def work() -> None:
            try:
                outcome.append((await super(Forgets, self).run(ctx, fn, *args, **kwargs), None))
            except Exception as exc:
                outcome.append((None, exc))
            over.set()

        self.nursery.start_soon(work)
        await over.wait()
        result, error = outcome[0]
        if error is not None:
            raise error
        return result


class HidesCancelled(Good):
    """run() ends only after a canceled body has ended: run() returns as if nothing was."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().run(ctx, fn, *args, **kwargs)
        except trio.Cancelled:
            return None


class RenamesCancelled(Good):
    """run() ends only after a canceled body has ended: run() raises something else."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().run(ctx, fn, *args, **kwargs)
        except trio.Cancelled:
            raise RuntimeError("it was killed") from None


class AbandonsLate(Abandons):
    """run() ends only after a body past its deadline has ended: a deadline abandons it."""

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        if trio.current_effective_deadline() > trio.current_time() + 10:
            return await Good.run(self, ctx, fn, *args, **kwargs)
        return await super().run(ctx, fn, *args, **kwargs)


class CancelsAll(Good):
    """canceling one body does not affect another: whoever is canceled takes the others along."""

    def __init__(self) -> None:
        self.scopes: set[trio.CancelScope] = set()

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        with trio.CancelScope() as own:
            self.scopes.add(own)
            try:
                return await super().run(ctx, fn, *args, **kwargs)
            except trio.Cancelled:
                for scope in self.scopes:
                    scope.cancel()
                raise
            finally:
                self.scopes.remove(own)
        raise RuntimeError("another was canceled")


class LeavesThread(Good):
    """a closed runner leaves no thread or process: a thread of its own goes on."""

    async def __aenter__(self) -> Self:
        threading.Thread(target=leave_thread.wait, name="pool").start()
        return self


leave_thread = threading.Event()


class LeavesProcess(Good):
    """a closed runner leaves no thread or process: a process of its own goes on."""

    async def __aenter__(self) -> Self:
        process = multiprocessing.get_context("fork").Process(target=signal.pause)
        process.start()
        started.append(process)
        return self


started: list[multiprocessing.process.BaseProcess] = []


@pytest.fixture(autouse=True)
def what_is_left_is_ended() -> Iterator[None]:
    leave_thread.clear()
    yield
    leave_thread.set()
    while started:
        process = started.pop()
        process.kill()
        process.join()


BROKEN = [runner for runner in vars().values() if _is_broken(runner)]


@pytest.mark.parametrize("runner", BROKEN, ids=lambda runner: runner.__name__)
async def test_check_runner_names_the_promise_that_is_broken(
    runner: type[Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "BEGINNING", 1.0)  # nothing here takes long to begin
    monkeypatch.setattr(calling, "ARRIVAL", 0.2)

    with pytest.raises(RunnerContractError) as caught:
        await check_runner(runner)

    assert caught.value.promise == str(runner.__doc__).partition(": ")[0]
    assert str(caught.value) == f"{caught.value.promise}: {caught.value.problem}"


def test_every_promise_has_a_runner_that_breaks_it() -> None:
    promises = {promise.text for promise in PROMISES} | {CHOOSING, OPENING, CLOSING}

    assert {str(runner.__doc__).partition(": ")[0] for runner in BROKEN} == promises


async def test_what_is_broken_in_no_way_passes() -> None:
    await check_runner(Good)
