"""Bodies that would end or interrupt a program, or want its main thread."""

from __future__ import annotations

import _thread
import asyncio
import os
import signal
import sys
import threading
import time
from typing import Any

import trio

from trioflow import step


@step(runner="process")
def leave(how: str) -> Any:
    """End in an unusual way."""
    match how:
        case "exit":
            sys.exit(3)
        case "interrupt":
            raise KeyboardInterrupt("stop")
        case "group":
            raise BaseExceptionGroup("both", [KeyboardInterrupt(), ValueError("and this")])
        case "interrupt_main":
            _thread.interrupt_main()
            time.sleep(60)
        case "signal":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        case "generator":
            raise GeneratorExit
        case "asyncio":
            raise asyncio.CancelledError
        case "in the loop":
            trio.from_thread.run_sync(sys.exit, 4)
        case "interrupt in the loop":
            trio.from_thread.run_sync(_interrupt)
        case "result":
            return Exiting()
        case "terminate":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        case "close everything":
            os.closerange(3, 100)
            time.sleep(60)
    return None


def _interrupt() -> None:
    raise KeyboardInterrupt


class Exiting:
    """Ends the process that unpickles it."""

    def __reduce__(self) -> Any:
        return sys.exit, (5,)


class LateError(Exception):
    pass


@step(runner="process")
def use_the_main_thread(_: Any) -> list[Any]:
    """Do what only the main thread can."""

    def ring(*_: Any) -> None:
        raise LateError

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        while True:
            time.sleep(1)
    except LateError:
        rang = True
    loop = asyncio.run(asyncio.sleep(0, "asyncio"))

    async def main() -> str:
        await trio.lowlevel.checkpoint()
        return "trio"

    in_main = threading.current_thread() is threading.main_thread()
    return [rang, loop, trio.run(main), in_main]
