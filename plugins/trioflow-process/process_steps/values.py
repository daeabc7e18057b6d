"""Values that go to a worker process and come back, or cannot."""

from __future__ import annotations

import functools
import os
import threading
from pathlib import Path
from typing import Any, NoReturn

import attrs

from trioflow import StepContext, step, tool


@attrs.frozen
class Part:
    """A value that contains another one."""

    name: str
    content: Any = None


@step(runner="process")
def where(_: Any) -> int:
    """Return the id of the process."""
    return os.getpid()


@step(runner="process")
def rename(part: Part) -> Part:
    """Return a value like the input."""
    return attrs.evolve(part, name=part.name.upper())


@step(runner="process")
def give(what: str) -> Any:
    """Return a value that cannot be pickled or unpickled."""
    return {
        "lock": {"a": [1, Part("p", threading.Lock())]},
        "lambda": lambda: None,
        "unreadable": Unreadable(),
    }[what]


class Unreadable:
    """Can be pickled, but not unpickled."""

    def __reduce__(self) -> Any:
        return refuse, ()


def refuse() -> NoReturn:
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


def peak() -> int:
    """Return the most memory that this process has used, in bytes."""
    return _memory("VmHWM")


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


@step(runner="process")
def measure(value: bytes) -> dict[str, int]:
    """Return how much memory the worker uses."""
    return {"size": len(value), "now": _memory("VmRSS"), "peak": peak()}


@step(runner="process")
def make(size: int) -> bytes:
    """Return a large value."""
    return b"x" * size
