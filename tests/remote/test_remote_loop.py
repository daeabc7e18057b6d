"""The event loop of a worker, whose bodies are interrupted in the main thread."""

from __future__ import annotations

import _thread
import ctypes
import signal
import threading
from collections.abc import Iterator

import pytest
import trio

from trioflow.runners.remote import _loop
from trioflow.runners.remote._loop import WorkerLoop, _Body


@pytest.fixture
def loop() -> Iterator[WorkerLoop]:
    made = WorkerLoop()
    starting = threading.Thread(target=made.start)  # it changes the thread that it is called in
    starting.start()
    starting.join()
    yield made
    made.close()


def test_what_an_async_body_returns_or_raises_comes_back(loop: WorkerLoop) -> None:
    async def give() -> int:
        await trio.lowlevel.checkpoint()
        return 5

    async def fail() -> None:
        raise LookupError("no")

    assert loop.run(give) == 5
    with pytest.raises(LookupError, match="no"):
        loop.run(fail)


def test_an_interrupt_of_the_thread_cancels_the_body_and_waits_for_it(loop: WorkerLoop) -> None:
    notes, begun = [], threading.Event()

    async def wait_for_ever() -> None:
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            notes.append("cleaned up")

    def main_thread() -> None:
        try:
            loop.run(wait_for_ever)
        except KeyboardInterrupt:
            notes.append("interrupted")

    thread = threading.Thread(target=main_thread)
    thread.start()
    begun.wait()
    assert thread.ident is not None
    interrupt = ctypes.py_object(KeyboardInterrupt)  # no signal
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), interrupt)
    thread.join()

    assert notes == ["cleaned up", "interrupted"]


def test_an_interrupt_of_the_main_thread_ends_its_wait_at_once(
    loop: WorkerLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_loop, "INTERVAL", 3600)
    ended = threading.Event()

    async def interrupt_main() -> None:
        _thread.interrupt_main()  # as Ray does it: no signal of the system
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run(interrupt_main)
    finally:
        signal.signal(signal.SIGINT, handler)

    assert ended.is_set()
    assert signal.set_wakeup_fd(-1) == -1, "it listens to signals only while it waits"


def test_a_body_that_is_canceled_before_it_begins_never_does(loop: WorkerLoop) -> None:
    async def refuse() -> None:
        raise AssertionError("it began")

    async def cancel_first() -> type[BaseException]:
        from contextvars import copy_context

        body = _Body(refuse, copy_context())
        body.cancel()
        body.begin()
        with pytest.raises(KeyboardInterrupt) as caught:
            body.done.result().unwrap()
        return caught.type

    assert loop.run(cancel_first) is KeyboardInterrupt
