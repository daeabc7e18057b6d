"""Shortcuts for values, and in how much is started."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from benchmarks import bodies
from benchmarks.shortcuts import plain_calls as plain
from benchmarks.shortcuts.shortcut import Shortcut, Work
from benchmarks.shortcuts.stage import in_trio
from trioflow._values.structure import make_converter

ITEMS = 100
WORKERS = 10


def usual_items(number: int) -> tuple[Work, Work]:
    converter = make_converter()
    hook = converter.get_structure_hook(list[int])
    values = list(range(ITEMS))

    def structure_all(structure: Callable[[Any], Any]) -> None:
        for _ in range(number // ITEMS):
            structure(values)

    one_by_one = plain.structure_items(int, converter)
    return (
        lambda: structure_all(lambda values: hook(values, list[int])),
        lambda: structure_all(one_by_one),
    )


def item_workers(number: int) -> tuple[Work, Work]:
    async def fast() -> None:
        items = iter(range(number))

        async def work() -> None:
            for item in items:
                await bodies.noop(item)

        async with trio.open_nursery() as nursery:
            for _ in range(WORKERS):
                nursery.start_soon(work)

    async def slow() -> None:
        async with trio.open_nursery() as nursery:
            for item in range(number):
                nursery.start_soon(bodies.noop, item)

    return in_trio(fast), in_trio(slow)


SHORTCUTS = (
    Shortcut(
        "usual-items",
        where="_values/containers.py",
        fast="items that all have the wanted type are not looked at one by one",
        plain="each item is structured",
        per="item, of 100",
        make=usual_items,
    ),
    Shortcut(
        "item-workers",
        where="_engine/running/foreach.py",
        fast="a few tasks take item after item",
        plain="a task for each item",
        per="item",
        make=item_workers,
    ),
)
