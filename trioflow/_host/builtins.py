"""The built-in plugin: what trioflow itself provides, through the same hooks."""

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
    """Return a runner that runs bodies in the run's own task, or in a thread."""
    return BUILT_IN_RUNNERS.get(name)


@hookimpl
def trioflow_store_schemes() -> Iterable[str]:
    """Return the scheme of the store that needs no plugin."""
    return ["memory"]


@hookimpl
def trioflow_store(url: str) -> Store | None:
    """Return a store that keeps journals in memory while the engine is open."""
    if url != "memory:":
        return None
    from trioflow.stores import MemoryStore  # not needed by an engine without a store

    return MemoryStore()
