"""Opens the stores of commands, and builds the commands that continue a run."""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import attrs

from trioflow._cli.errors import UsageError
from trioflow._cli.inputs import read_limits
from trioflow._cli.instruments import own_instruments
from trioflow._cli.targets import import_workflow, is_in_module, plugins_with
from trioflow._host.assembly import open_store
from trioflow._host.plugins import PluginHost
from trioflow.abc import Store, StoredRun
from trioflow.engine import Engine, open_engine
from trioflow.errors import StoreError, UnknownNameError

VARIABLE = "TRIOFLOW_STORE"
"""Environment variable with the URL of the default store."""
VALUES_VARIABLE = "TRIOFLOW_VALUES"
"""Environment variable with the URL of the default value store."""


@attrs.frozen
class Whereabouts:
    """How to find a run again: its store and its workflow."""

    store: str
    """A URL such as ``"sqlite:runs.db"``."""
    is_given: bool
    """Whether it was given on the command line. A URL in the environment may be secret."""
    workflow: str | None = None
    """``MODULE:ATTR``, if the workflow is not installed."""
    limits: Sequence[str] = ()
    """What ``--limit`` says: ``NAME=NUMBER``."""

    @property
    def lasts(self) -> bool:
        """Whether the store outlives this process."""
        return self.store.partition(":")[0] != "memory"

    def command(self, verb: str, run_id: str, *options: str) -> str:
        """Return a command about a run, quoted for a shell."""
        words = ["trioflow", verb, run_id, *options]
        words += ["--store", self.store] if self.is_given else []
        words += ["--workflow", self.workflow] if self.workflow is not None else []
        for limit in self.limits:
            words += ["--limit", limit]
        return shlex.join(words)


def find_store(
    url: str | None, workflow: str | None = None, limits: Sequence[str] = ()
) -> Whereabouts | None:
    """Return the store that is given, or the one in the environment, or None."""
    found = url or os.environ.get(VARIABLE)
    return Whereabouts(found, bool(url), workflow, limits) if found else None


def find_values(url: str | None = None) -> str | None:
    """Return the URL of the value store that is given, or the one in the environment, or None."""
    return url or os.environ.get(VALUES_VARIABLE) or None


def need_store(
    url: str | None, workflow: str | None = None, limits: Sequence[str] = ()
) -> Whereabouts:
    """Return the store that is given, or the one in the environment.

    Raises:
      UsageError: if there is neither.
    """
    found = find_store(url, workflow, limits)
    if found is None:
        raise UsageError(f"no store given; use --store URL, or set {VARIABLE}")
    return found


@asynccontextmanager
async def open_reading(
    whereabouts: Whereabouts, plugins: Sequence[Any] | None = None
) -> AsyncGenerator[Store, None]:
    """Open a store for reading: nothing is created, changed or claimed.

    Args:
      plugins: The plugins that may have the store; None means all that are installed.

    Raises:
      UsageError: if there is no such store, or it cannot be read.
      PluginError, UnknownNameError: as `open_engine` does.
      StoreError: if it is temporarily unavailable.
    """
    store = _build(whereabouts, plugins).read_only()
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(store)
        except StoreError as exc:
            if exc.transient:
                raise
            raise UsageError(str(exc)) from exc
        yield store


def _build(whereabouts: Whereabouts, plugins: Sequence[Any] | None = None) -> Store:
    """Return the store; ignore broken plugins that it does not need."""
    host = PluginHost(plugins, keep_broken=True)
    try:
        return open_store(host, whereabouts.store)
    except UnknownNameError as exc:
        for _, error in host.broken.values():  # it may be the one that provides the store
            raise error from exc
        raise


@asynccontextmanager
async def open_stored(
    whereabouts: Whereabouts, targets: Sequence[str] = ()
) -> AsyncGenerator[tuple[Engine, Store], None]:
    """Open an engine on a store, with workflows ``MODULE:ATTR`` in addition to installed ones.

    Raises:
      UsageError: if there is no such workflow or store.
      PluginError, UnknownNameError, StoreError: as `open_engine` does.
    """
    limits = read_limits(whereabouts.limits)
    workflows = [import_workflow(_with_colon(target)) for target in targets]
    plugins = plugins_with(targets)
    async with open_reading(whereabouts, plugins):
        pass  # a missing store is not created: it would have no runs
    async with open_engine(
        store=whereabouts.store,
        plugins=plugins,
        workflows=workflows,
        limits=limits,
        values=find_values(),
        instruments=own_instruments(),
    ) as engine:
        assert engine.store is not None
        yield engine, engine.store


@asynccontextmanager
async def open_asking(whereabouts: Whereabouts) -> AsyncGenerator[tuple[Engine, Store], None]:
    """Open an engine that only sends requests to runs: it has no workflows and drives no run.

    Raises: as `open_stored` does.
    """
    async with open_reading(whereabouts):
        pass
    store = _build(whereabouts)
    async with open_engine(store=store, values=find_values(), plugins=[]) as engine:
        yield engine, store


async def find_run(store: Store, run_id: str) -> StoredRun:
    """Return the stored run with this id.

    Raises:
      UsageError: if there is none.
    """
    stored = await store.get(run_id)
    if stored is None:
        raise UsageError(f"there is no run {run_id!r} in the store; see: trioflow runs")
    return stored


def check_workflow(engine: Engine, stored: StoredRun) -> None:
    """Check that the engine has the workflow of a run.

    Raises:
      UsageError: if it does not; the message says how to name the workflow.
    """
    id = stored.header.workflow_id
    if id not in engine.workflows:
        known = ", ".join(sorted(engine.workflows)) or "none"
        raise UsageError(
            f"run {stored.header.run_id} is of workflow {id!r}, which is not installed; "
            f"name it with --workflow MODULE:ATTR (known: {known})"
        )


def _with_colon(target: str) -> str:
    if not is_in_module(target):
        remedy = "installed workflows are found without it"
        raise UsageError(f"--workflow needs MODULE:ATTR, not {target!r}; {remedy}")
    return target
