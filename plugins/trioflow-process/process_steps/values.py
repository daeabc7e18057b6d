"""Values that go to a worker process and come back, or cannot."""

from __future__ import annotations

import functools
import os
import threading
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
