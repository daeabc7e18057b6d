"""Bodies that ask questions and start runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import trio

from trioflow import StepContext, step


@attrs.frozen
class Verdict:
    """An answer."""

    by: str


@step(runner="process")
def ask_twice(file: str, ctx: StepContext[Any]) -> list[Any]:
    """Ask, note that the body has ended, and ask again."""
    try:
        first = trio.from_thread.run(ctx.ask, {"file": file}, Verdict, "first")
        second = trio.from_thread.run(ctx.ask, "sure?", bool)
    finally:
        with Path(file).open("a") as notes:
            notes.write("ended ")
    return [first, second]


@step(runner="process")
def ask_together(_: Any, ctx: StepContext[Any]) -> dict[str, bool]:
    """Ask several questions at the same time."""

    async def ask_all() -> dict[str, bool]:
        answers: dict[str, bool] = {}

        async def ask(label: str) -> None:
            answers[label] = await ctx.ask(f"{label}?", bool, label)

        async with trio.open_nursery() as nursery:
            for label in ("a", "b"):
                nursery.start_soon(ask, label)
        return dict(sorted(answers.items()))

    return trio.from_thread.run(ask_all)


@step(runner="process")
def begin(_: Any, ctx: StepContext[Any]) -> str:
    """Start another run."""
    return trio.from_thread.run(ctx.start_run, "child", 3)
