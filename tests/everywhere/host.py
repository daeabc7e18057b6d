"""Runs or works: ``python -m tests.everywhere.host PLACE STORE {run|work}``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import trio

from tests.everywhere.flow import ORDERS, orders
from trioflow import open_engine
from trioflow.abc import Runner
from trioflow.runners import InlineRunner, ThreadRunner


def processes() -> Runner:
    from trioflow_process import ProcessRunner

    return ProcessRunner(workers=2)


def ray() -> Runner:
    from trioflow_ray import RayRunner

    return RayRunner()  # at RAY_ADDRESS


PLACES: Mapping[str, Callable[[], Runner]] = {
    "inline": InlineRunner,
    "thread": ThreadRunner,
    "process": processes,
    "ray": ray,
}


async def main(place: str, store: str, mode: str) -> None:
    runners = {"work": PLACES[place]()}
    async with open_engine(
        plugins=["sql"], workflows=[orders], store=store, runners=runners
    ) as engine:
        if mode == "work":
            await engine.work(capacity=4, poll=0.5)
        for number, order in enumerate(ORDERS):
            await engine.run("orders", order, run_id=f"r{number}")


if __name__ == "__main__":
    _, *arguments = sys.argv
    with suppress(KeyboardInterrupt):  # how the test ends it
        trio.run(partial(main, arguments[0], arguments[1], arguments[2]))
