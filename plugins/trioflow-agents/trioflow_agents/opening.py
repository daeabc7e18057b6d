"""Models whose clients are opened once and closed with the engine."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field

from trioflow import StepContext
from trioflow.errors import UnknownNameError
from trioflow_agents.model import Model

RESOURCE = "trioflow-agents.models"
"""The name of the resource that holds the models of an engine."""


@define(eq=False)
class OpenModels:
    """The models that are open in an engine, each held by a task of its own."""

    _nursery: trio.Nursery
    _held: dict[Model, Model] = field(factory=dict)
    _lock: trio.Lock = field(factory=trio.Lock)

    async def get(self, model: Model) -> Model:
        """Return a model that is open, and open it if it is not.

        Raises:
          Exception: raised on opening. The next call tries again.
        """
        async with self._lock:
            if model not in self._held:
                self._held[model] = await self._nursery.start(_hold, model)
            return self._held[model]


async def _hold(model: Model, task_status: trio.TaskStatus[Model]) -> None:
    async with model.opened() as opened:
        task_status.started(opened)
        await trio.sleep(math.inf)


@asynccontextmanager
async def open_models() -> AsyncIterator[OpenModels]:
    """Hold models open in this block."""
    async with trio.open_nursery(strict_exception_groups=True) as nursery:
        yield OpenModels(nursery)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def use_model(model: Model, ctx: StepContext[Any]) -> AsyncIterator[Model]:
    """Use a model: that of the engine, or one of this block if the engine lacks the plugin."""
    try:
        models = await ctx.resource(RESOURCE, OpenModels)
    except UnknownNameError:
        async with model.opened() as opened:
            yield opened
    else:
        yield await models.get(model)
