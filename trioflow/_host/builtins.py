"""The plugin that is always there: what trioflow itself provides, through the same hooks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trioflow._engine.planning.environment import BUILT_IN_RUNNERS
from trioflow.abc import Runner
from trioflow.hookspecs import hookimpl

if TYPE_CHECKING:
    from trioflow.abc import Store


@hookimpl
def trioflow_runner(name: str) -> Runner | None:
    """Run bodies in the run's own task, or in a thread."""
    return BUILT_IN_RUNNERS.get(name)


@hookimpl
def trioflow_store_schemes() -> Iterable[str]:
    """Name the store that needs no plugin."""
    return ["memory"]


@hookimpl
def trioflow_store(url: str) -> Store | None:
    """Keep journals in memory, for as long as the engine is open."""
    if url != "memory:":
        return None
    from trioflow.stores import MemoryStore  # an engine without a store needs nothing of it

    return MemoryStore()
