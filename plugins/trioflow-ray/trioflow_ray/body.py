"""One body on the cluster, from its start to its end."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import attrs
import ray
import trio
from ray import exceptions

from trioflow import StepContext
from trioflow.runners import Place, Places
from trioflow.runners.remote import Frame, Job, Levels, Logbook, Service, facts_of
from trioflow_ray.errors import CodeMissingError, NoNodeError, WorkerLostError
from trioflow_ray.options import Options
from trioflow_ray.post import Call, Office
from trioflow_ray.waiting import settle


@attrs.frozen(eq=False)
class Cluster:
    """What an open runner has."""

    mailbox: str
    office: Office
    places: Places
    logbook: Logbook
    task: Any
    """The remote function that runs bodies."""


@attrs.define(eq=False)
class Body:
    """One body that has a place."""

    cluster: Cluster
    ctx: StepContext[Any]
    options: Options
    is_async: bool
    place: Place
    grace: float
    on_begin: Callable[[], None]
    """Called when the body begins."""
    _begun: trio.Event = attrs.field(factory=trio.Event)
    _failure: BaseException | None = None

    async def run(self, content: bytes, start_timeout: float | None) -> Frame:
        """Run the body as a task of Ray, and return its outcome.

        Raises:
          WorkerLostError, NoNodeError, CodeMissingError: if it has none.

        **Cancellation**: ends the body; it has ended when this raises.
        """
        office = self.cluster.office
        if office.is_lost:
            raise WorkerLostError(self.ctx.step_id, "owner", office.reason)
        call = office.open_call()
        job = pickle.dumps(Job(facts_of(self.ctx), Levels.here(), True, self.is_async))
        task = self.cluster.task.options(**self.options.for_ray(), name=self.ctx.step_id)
        ref = task.remote(job, content, call.number, self.cluster.mailbox)
        try:
            return await self._follow(ref, call, start_timeout)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._stop(ref, call)
            raise
        finally:
            office.close_call(call)

    async def _follow(self, ref: Any, call: Call, start_timeout: float | None) -> Frame:
        service = Service(self.ctx, call, self.place, self.cluster.logbook, self._begin)
        frame = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, ref, call)
            if start_timeout is not None:
                nursery.start_soon(self._give_up, call, start_timeout)
            frame = await service.serve()
            if service.interruption is not None and frame is not None:
                frame = None
            nursery.cancel_scope.cancel()
        if service.interruption is not None:
            raise service.interruption
        if frame is None:
            raise self._loss()
        return frame

    def _begin(self) -> None:
        self._begun.set()
        self.on_begin()

    async def _watch(self, ref: Any, call: Call) -> None:
        """Tell the call how its task has ended."""
        future = await settle(ref)
        try:
            call.end(future.result())
        except Exception as exc:
            self._failure = exc
            call.end(None)

    async def _give_up(self, call: Call, seconds: float) -> None:
        """End a call that no node has taken in time."""
        with trio.move_on_after(seconds):
            await self._begun.wait()
        if not self._begun.is_set():
            needs = self.options.needs()
            self._failure = NoNodeError(self.ctx.step_id, needs, seconds)
            call.end(None)

    def _loss(self) -> BaseException:
        """Return why there is no outcome."""
        step, failure = self.ctx.step_id, self._failure
        if failure is None:
            return WorkerLostError(step, "owner", self.cluster.office.reason)
        if isinstance(failure, NoNodeError):
            return failure
        if isinstance(failure, exceptions.TaskUnschedulableError):
            return NoNodeError(step, self.options.needs(), None)
        missing = getattr(failure, "cause", None)
        if isinstance(missing, ModuleNotFoundError):
            return CodeMissingError(step, missing.name or "a module")
        for cls, kind in KINDS:
            if isinstance(failure, cls):
                return WorkerLostError(step, kind, " ".join(str(failure).split()))
        return failure

    async def _stop(self, ref: Any, call: Call) -> None:
        """End the task: softly first, by killing its worker after the grace."""
        ray.cancel(ref)
        call.office.forget(call)  # a body that waits for an answer would not be interrupted
        with trio.move_on_after(self.grace) as patience:
            await settle(ref)
        if patience.cancelled_caught:
            ray.cancel(ref, force=True)
            await settle(ref)


KINDS: tuple[tuple[type[Exception], Any], ...] = (
    (exceptions.OutOfMemoryError, "memory"),
    (exceptions.NodeDiedError, "node"),
    (exceptions.LocalRayletDiedError, "node"),
    (exceptions.OwnerDiedError, "owner"),
    (exceptions.WorkerCrashedError, "worker"),
    (exceptions.TaskCancelledError, "worker"),
    (exceptions.ObjectLostError, "node"),
)
"""What the errors of Ray mean for a body, the first that fits."""
