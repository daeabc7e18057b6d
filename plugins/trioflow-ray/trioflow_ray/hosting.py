"""Actors of Ray that host workers: processes that take runs from a store and drive them.

Which worker drives which run is decided in the store; Ray places the processes and starts them
again.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import attrs
import trio

from trioflow import Engine, Workflow, open_engine
from trioflow.errors import DefinitionError

logger = logging.getLogger("trioflow_ray")


@attrs.frozen(kw_only=True)
class Work:
    """What a worker does."""

    store: str
    targets: tuple[str, ...]
    """The workflows to take runs of: ``"module:attribute"``."""
    capacity: int
    queues: tuple[str, ...]
    poll: float
    drain: float
    engine: Mapping[str, Any]
    """Further arguments of `open_engine`."""


class Host:
    """An actor that works from its `__init__` on, which Ray calls again when it starts it again.

    A method would not be called again.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._ready = Future[None]()
        self._token: trio.lowlevel.TrioToken | None = None
        self._cancel: Callable[[], None] = lambda: None
        """Ends what is done at present. Called in the event loop."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trioflow-worker", daemon=True)
        self._thread.start()

    def wait_ready(self) -> None:
        """Return when the worker works.

        Raises:
          Exception: what it could not begin for.
        """
        self._ready.result()

    def stop(self) -> None:
        """Take no more runs, let bodies end, and return when all runs are left to others."""
        self._stopped.set()
        if self._token is not None:
            with suppress(trio.RunFinishedError):  # it has failed, and does not begin again
                self._token.run_sync_soon(self._end)
        self._thread.join()

    def _end(self) -> None:
        self._cancel()  # what it is when the event loop comes to it

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                trio.run(self._serve)
            except Exception as exc:  # such as a store that is away: others may have gone on
                if not self._ready.done():
                    self._ready.set_exception(exc)
                logger.exception("a worker has failed; it begins again in %g s", self._work.poll)
                self._stopped.wait(self._work.poll)

    async def _serve(self) -> None:
        work = self._work
        opening = trio.CancelScope()
        self._cancel = opening.cancel
        self._token = trio.lowlevel.current_trio_token()
        if self._stopped.is_set():  # after the look in `_run`
            return
        workflows = [find_workflow(target) for target in work.targets]
        options = {"workflows": workflows, **work.engine}
        with opening:
            async with open_engine(store=work.store, **options) as engine:
                if not engine.workflows:
                    remedy = "name one as a target: start_workers(2, 'app.flows:report', ...)"
                    raise DefinitionError("the worker", "there is no workflow to work on", remedy)
                if not self._ready.done():
                    self._ready.set_result(None)
                await self._take_runs(engine)

    async def _take_runs(self, engine: Engine) -> None:
        """Take runs until this is stopped, then drain all runs of the engine."""
        work = self._work
        async with trio.open_nursery() as draining:
            with trio.CancelScope() as taking:

                def stop() -> None:
                    # Also the runs that were not taken, but started by other runs.
                    draining.start_soon(engine.drain, work.drain)
                    taking.cancel()

                self._cancel = stop
                await engine.work(
                    work.capacity, queues=work.queues, poll=work.poll, drain=work.drain
                )


def find_workflow(target: str) -> Workflow[Any, Any]:
    """Return the workflow with a name such as ``"app.flows:report"``.

    Raises:
      DefinitionError: if there is none.
    """
    module, _, attribute = target.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
        problem = f"it is of type {type(found).__name__}"
    except (ImportError, AttributeError, ValueError) as exc:
        found, problem = None, str(exc)
    if not isinstance(found, Workflow):
        remedy = "name a workflow that all nodes can import, as in 'app.flows:report'"
        raise DefinitionError("the worker", f"there is no workflow {target!r}: {problem}", remedy)
    return found
