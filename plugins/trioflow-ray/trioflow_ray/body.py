"""One body on the cluster, from its start to its end."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import attrs
import ray
import trio

from trioflow import StepContext
from trioflow.runners import Place, Places
from trioflow.runners.remote import Frame, Job, Levels, Logbook, Service, facts_of
from trioflow_ray.errors import NoNodeError, WorkerLostError
from trioflow_ray.losses import loss_of
from trioflow_ray.options import Options
from trioflow_ray.post import Call, Office
from trioflow_ray.refs import Ref, Shelf
from trioflow_ray.waiting import settle, when_settled
from trioflow_ray.work import Parcel, carrier_here


class Tasks:
    """The remote functions that run bodies; to give one its options takes as long as a body."""

    def __init__(self, task: Any) -> None:
        self._task = task
        self._given: WeakKeyDictionary[Kind, dict[str, Any]] = WeakKeyDictionary()

    def of(self, kind: Kind, name: str) -> Any:
        """Return the remote function for bodies of a kind, under this name."""
        given = self._given.setdefault(kind, {})
        if name not in given:
            returns = 2 if kind.gives_ref else 1
            options = kind.options.for_ray()
            given[name] = self._task.options(**options, name=name, num_returns=returns)
        return given[name]


@attrs.frozen(eq=False)
class Cluster:
    """What an open runner has."""

    mailbox: str
    office: Office
    places: Places
    logbook: Logbook
    shelf: Shelf
    tasks: Tasks


@attrs.frozen(eq=False)
class Kind:
    """What is the same for all bodies of a step or tool."""

    options: Options
    is_async: bool
    gives_ref: bool
    """Whether the output may be a Ref."""
    is_timed: bool
    """Whether there is a timeout, which counts from when the body begins."""


@attrs.frozen(eq=False)
class Manner:
    """How a runner runs all its bodies."""

    grace: float
    """Seconds that a canceled body has to end."""
    start_timeout: float | None
    """Seconds that a body may wait for a node."""
    window: int
    """How many chunks of a body may be under way."""


@attrs.frozen(eq=False)
class Content:
    """What a body gets."""

    pickled: bytes
    """Function, arguments and current step."""
    refs: Mapping[str, Ref[Any]]
    """The Refs in the arguments, by the ids of their objects."""
    variables: bytes
    """Values of context variables."""


@attrs.define(eq=False)
class Body:
    """One body that has a place."""

    cluster: Cluster
    ctx: StepContext[Any]
    kind: Kind
    manner: Manner
    place: Place
    on_begin: Callable[[], None]
    """Called when the body begins."""
    given: Any = None
    """The object of the Ref that the body has made, if it could make one."""
    node: str | None = None
    """The id of the node on which it ran; None if that is not known."""
    _begun: trio.Event = attrs.field(factory=trio.Event)
    _failure: Exception | None = None

    async def run(self, content: Content) -> Frame:
        """Run the body as a task of Ray, and return its outcome.

        Raises:
          WorkerLostError, NoNodeError, CodeMissingError, RefLostError: if it has none.

        **Cancellation**: ends the body; it has ended when this raises.
        """
        office = self.cluster.office
        if office.is_lost:
            raise WorkerLostError(self.ctx.step_id, "owner", None, office.reason)
        call = office.open_call()
        ref = self._submit(content, call)
        try:
            return await self._follow(ref, call, content)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._stop(ref, call)
            raise
        finally:
            self.node = call.node
            office.close_call(call)

    def _submit(self, content: Content, call: Call) -> Any:
        """Hand the body to Ray, and return the object of its outcome."""
        gives_ref, refs = self.kind.gives_ref, content.refs
        facts, is_async = facts_of(self.ctx), self.kind.is_async
        parcel = Parcel(
            job=Job(facts, None, reports=True, is_async=is_async, window=self.manner.window),
            levels=pickle.dumps(Levels.here()),
            is_timed=self.kind.is_timed or self.manner.start_timeout is not None,
            call=call.number,
            mailbox=self.cluster.mailbox,
            gives_ref=gives_ref,
            objects=tuple(refs),
            variables=content.variables,
            carrier=carrier_here(),
        )
        task = self.cluster.tasks.of(self.kind, self.ctx.step_id)
        objects = [ref.held for ref in refs.values()]
        made = task.remote(pickle.dumps(parcel), content.pickled, *objects)
        if not gives_ref:
            return made
        self.given, outcome = made
        return outcome

    async def _follow(self, ref: Any, call: Call, content: Content) -> Frame:
        service = Service(
            self.ctx, call, self.place, self.cluster.logbook, self._begin, self.manner.window
        )
        when_settled(ref, partial(self._end, call))
        frame = await self._serve(service, call)
        if service.interruption is not None:
            raise service.interruption
        if frame is None:
            raise self._loss(call, content)
        return frame

    async def _serve(self, service: Service, call: Call) -> Frame | None:
        seconds = self.manner.start_timeout
        if seconds is None:
            return await service.serve()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._give_up, call, seconds)
            frame = await service.serve()
            nursery.cancel_scope.cancel()
        return frame

    def _begin(self) -> None:
        self._begun.set()
        self.on_begin()

    def _end(self, call: Call, future: Future[Any]) -> None:
        """Tell the call how its task has ended."""
        try:
            ended = future.result()
            call.end(pickle.loads(ended) if isinstance(ended, bytes) else ended)
        except Exception as exc:
            self._failure = self._failure or exc
            call.end(None)

    async def _give_up(self, call: Call, seconds: float) -> None:
        """End a call that no node has taken in time."""
        with trio.move_on_after(seconds):
            await self._begun.wait()
        if not self._begun.is_set():
            self._failure = NoNodeError(self.ctx.step_id, self.kind.options.needs(), seconds)
            call.end(None)

    def _loss(self, call: Call, content: Content) -> Exception:
        """Return why there is no outcome."""
        step, failure = self.ctx.step_id, self._failure
        if failure is None:
            return WorkerLostError(step, "owner", call.node, self.cluster.office.reason)
        if isinstance(failure, NoNodeError):
            return failure
        return loss_of(step, failure, call.node, self.kind.options.needs(), content.refs)

    async def _stop(self, ref: Any, call: Call) -> None:
        """End the task: softly first, by killing its worker after the grace."""
        ray.cancel(ref)
        call.office.forget(call)  # a body that waits for an answer would not be interrupted
        own = self.kind.options.grace
        with trio.move_on_after(self.manner.grace if own is None else own) as patience:
            await settle(ref)
        if patience.cancelled_caught:
            ray.cancel(ref, force=True)
            await settle(ref)
