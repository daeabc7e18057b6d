"""Steps in workers that put and get large values."""

from __future__ import annotations

import os
from typing import Any

import trio

from trioflow import StepContext, ValueRef, Workflow, step


@step(runner="process")
def double(ref: ValueRef[Any], ctx: StepContext) -> ValueRef[Any]:
    value = trio.from_thread.run(ctx.get, ref)
    return trio.from_thread.run(ctx.put, value + value)


@step(runner="process")
def dies(size: int, ctx: StepContext) -> int:
    trio.from_thread.run(ctx.put, bytes(size))
    os._exit(1)


both = Workflow("both", input=ValueRef[Any], output=ValueRef[Any])
both = both.then(double).then(double.clone("again"))
deadly = Workflow("deadly", input=int, output=int).then(dies)
