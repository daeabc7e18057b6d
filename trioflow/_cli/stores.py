"""Where runs are kept, and the command that goes on with one from there."""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs

from trioflow._cli.errors import UsageError
from trioflow._cli.instruments import own_instruments
from trioflow._cli.targets import import_workflow, is_in_module
from trioflow._engine.journal.reading import JournalReader
from trioflow.abc import Store, StoredRun
from trioflow.engine import Engine, open_engine
from trioflow.events import Event

VARIABLE = "TRIOFLOW_STORE"
"""The environment variable with the store that is used if none is given."""
PAGE = 1000
"""How many entries are read at a time."""


@attrs.frozen
class Whereabouts:
    """Where a run can be found again: its store, and the workflow that it is a run of."""

    store: str
    """A URL such as ``"sqlite:runs.db"``."""
    is_given: bool
    """Whether it stood on the command line. What is in the environment may be a secret."""
    workflow: str | None = None
    """``MODULE:ATTR``, if the workflow is not an installed one."""

    @property
    def lasts(self) -> bool:
        """Whether the store outlives this process."""
        return self.store.partition(":")[0] != "memory"

    def command(self, verb: str, run_id: str, *options: str) -> str:
        """Return a command about a run, quoted for a shell."""
        words = ["trioflow", verb, run_id, *options]
        words += ["--store", self.store] if self.is_given else []
        words += ["--workflow", self.workflow] if self.workflow is not None else []
        return shlex.join(words)


def find_store(url: str | None, workflow: str | None = None) -> Whereabouts | None:
    """Return the store that is given, or the one in the environment, or None."""
    found = url or os.environ.get(VARIABLE)
    return Whereabouts(found, bool(url), workflow) if found else None


def need_store(url: str | None, workflow: str | None = None) -> Whereabouts:
    """Return the store that is given, or the one in the environment.

    Raises:
      UsageError: if there is neither.
    """
    found = find_store(url, workflow)
    if found is None:
        raise UsageError(f"which store? give --store URL, or set {VARIABLE}")
    return found


@asynccontextmanager
async def open_stored(
    whereabouts: Whereabouts, targets: Sequence[str] = ()
) -> AsyncGenerator[tuple[Engine, Store], None]:
    """Open an engine on a store, with workflows ``MODULE:ATTR`` beside the installed ones.

    Raises:
      UsageError: if there is no such workflow.
      PluginError, UnknownNameError, StoreError: as `open_engine` does.
    """
    workflows = [import_workflow(_with_colon(target)) for target in targets]
    instruments = own_instruments()
    async with open_engine(
        store=whereabouts.store, workflows=workflows, instruments=instruments
    ) as engine:
        assert engine.store is not None
        yield engine, engine.store


async def find_run(store: Store, run_id: str) -> StoredRun:
    """Return what a store knows of a run.

    Raises:
      UsageError: if it does not know it.
    """
    stored = await store.get(run_id)
    if stored is None:
        raise UsageError(f"there is no run {run_id!r} in the store; see: trioflow runs")
    return stored


async def recorded(store: Store, run_id: str, after: int = -1) -> AsyncIterator[Event]:
    """Give the events with a ``seq`` above *after* that are recorded by now.

    Raises:
      JournalFormatError: if the journal is damaged, after the events before the damage.
    """
    reader = JournalReader(store, run_id)
    while entries := await store.read(run_id, after, PAGE):
        for entry in entries:
            yield await reader.event(entry)
        after = entries[-1].seq


def check_workflow(engine: Engine, stored: StoredRun) -> None:
    """Check that the workflow of a run is there.

    Raises:
      UsageError: if it is not; says how to name it.
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
