"""The runner for engines."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import Any, Self

import attrs
import trio

from trioflow import Step, StepContext, Tool
from trioflow.abc import Runner
from trioflow.errors import DefinitionError
from trioflow.runners import Places, outside_timeout
from trioflow.runners.remote import Logbook, check_reachable, pack_call, result_of
from trioflow_ray.body import Body, Cluster
from trioflow_ray.cluster import Connection, driver_node, versions
from trioflow_ray.mailbox import Mailbox
from trioflow_ray.options import Options, make_options, options_of
from trioflow_ray.post import Office
from trioflow_ray.waiting import settle
from trioflow_ray.work import NAMESPACE, run_body

PATIENCE = 0.5
"""Seconds after which a body that waits for the engine lends its place to others."""


class RayRunner(Runner):
    """Runs bodies as tasks on a Ray cluster, plain and async ones.

    A body runs in the main thread of a worker process of Ray; if it is an ``async def``, in the
    event loop of that process. It can use its context as in a thread. Function, input and output
    are pickled, by name where Python does so, so the same code must be on all nodes.

    **Cancellation**: a body that has not begun is withdrawn. A running one is interrupted: Trio's
    `Cancelled` in an async one, KeyboardInterrupt in a plain one; after ``grace`` seconds its
    worker is killed.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        max_in_flight: int = 256,
        grace: float = 5.0,
        start_timeout: float | None = None,
        local: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Create a runner. Nothing is started or connected yet.

        Args:
          address: The cluster, as in `ray.init`; None for the one that ``RAY_ADDRESS`` names, or a
            cluster of its own on this machine, which ends with the runner. If this process is
            connected already, that connection is used and stays open.
          max_in_flight: Maximum number of bodies that Ray has at the same time. Others wait in
            the engine, which does not count towards the ``timeout`` of their step.
          grace: Seconds that a canceled body has to end.
          start_timeout: Seconds that a body may wait for a node; None for no limit.
          local: Arguments of `ray.init` for a cluster of its own, such as ``{"num_cpus": 2}``.
          options: Defaults of `ray_options` for all steps.

        Raises:
          TypeError, ValueError: if an argument is invalid.
        """
        if type(max_in_flight) is not int or max_in_flight < 1:
            raise ValueError(f"max_in_flight must be a whole number >= 1, not {max_in_flight!r}")
        if not grace >= 0:
            raise ValueError(f"grace must be >= 0, not {grace!r}")
        if start_timeout is not None and not start_timeout > 0:
            raise ValueError(f"start_timeout must be > 0 or None, not {start_timeout!r}")
        make_options(options)
        self._address = address
        self._max_in_flight = max_in_flight
        self._grace = grace
        self._start_timeout = start_timeout
        self._local = dict(local or {})
        self._defaults = options
        self._stack = AsyncExitStack()
        self._cluster: Cluster | None = None

    def __repr__(self) -> str:
        return f"RayRunner({self._address!r})"

    async def __aenter__(self) -> Self:
        """Connect to the cluster, or start one.

        Raises:
          RuntimeError: if the runner is already open: each engine needs its own.
          DefinitionError: if a node has another version of Python or trioflow.
          ConnectionError: if there is no cluster at the address.
        """
        if self._cluster is not None:
            raise RuntimeError("this RayRunner is already open; create one for each engine")
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _open(self) -> None:
        import ray

        connection = Connection(self._address, self._local)
        self._stack.push_async_callback(connection.close)
        await connection.open()
        await check_versions()
        name = f"mailbox-{uuid.uuid4().hex}"
        options = Options(num_cpus=0, node=driver_node()).for_ray()
        del options["max_retries"]
        actor = ray.remote(Mailbox).options(
            **options, name=name, namespace=NAMESPACE, max_restarts=0, max_concurrency=100_000
        )
        mailbox: Any = actor.remote()
        self._stack.callback(ray.kill, mailbox)
        nursery = await self._stack.enter_async_context(trio.open_nursery())
        nursery.cancel_scope.shield = True  # bodies that are canceled need them until they end
        places = Places(self._max_in_flight, patience=PATIENCE)
        office, logbook = Office(mailbox), Logbook()
        for serve in (office.take, office.bring, places.lend, logbook.serve):
            nursery.start_soon(serve)
        self._stack.push_async_callback(_close, logbook, nursery)
        self._cluster = Cluster(name, office, places, logbook, ray.remote(run_body))

    async def __aexit__(self, *exc_info: object) -> None:
        """Disconnect, and end a cluster of its own."""
        self._cluster = None
        await self._stack.aclose()

    def check(self, fn: Callable[..., Any], where: str) -> None:
        check_reachable(fn, where)
        if getattr(fn, "__module__", None) == "__main__":
            problem = "its function is in the main module, which other nodes do not have"
            raise DefinitionError(where, problem, "move it to a module that all nodes can import")

    def bind(self, definition: Step[Any, Any] | Tool[..., Any]) -> Runner:
        where = f"{'step' if isinstance(definition, Step) else 'tool'} {definition.id!r}"
        options = options_of(self._defaults, definition.metadata, where)
        is_async = definition.signature.kind == "async"
        return _Bound(self, options, is_async)

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        """Call *fn* on the cluster, with the options of the runner.

        Raises:
          NotPicklableError: if arguments or output cannot be pickled.
          WorkerLostError, NoNodeError, CodeMissingError: if it cannot run there.
        """
        import inspect

        options = make_options(self._defaults)
        is_async = inspect.iscoroutinefunction(fn)
        return await self.run_with(options, is_async, ctx, fn, args, kwargs)

    async def run_with(
        self,
        options: Options,
        is_async: bool,
        ctx: StepContext[Any],
        fn: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call *fn* on the cluster with these options."""
        if self._cluster is None:
            raise trio.ClosedResourceError("the Ray runner is not open")
        place = self._cluster.places.place(ctx.run_id)
        grace = self._grace if options.grace is None else options.grace
        with ExitStack() as waiting:
            is_timed = waiting.enter_context(outside_timeout(ctx))
            try:
                await place.take()
                content = pack_call(ctx, fn, tuple(args), kwargs)
                begin = waiting.close if is_timed else _nothing
                body = Body(self._cluster, ctx, options, is_async, place, grace, begin)
                frame = await body.run(content, self._start_timeout)
            finally:
                place.end()
        return result_of(ctx, *frame)


@attrs.frozen(eq=False)
class _Bound(Runner):
    """Runs the bodies of one step or tool, with its options."""

    _runner: RayRunner
    _options: Options
    _is_async: bool

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        runner = self._runner
        return await runner.run_with(self._options, self._is_async, ctx, fn, args, kwargs)


def _nothing() -> None:
    """Begin a body whose time does not matter."""


async def _close(logbook: Logbook, nursery: trio.Nursery) -> None:
    with trio.CancelScope(shield=True):
        await logbook.close()
    nursery.cancel_scope.cancel()


async def check_versions() -> None:
    """Check that all nodes have the same Python and trioflow as this process.

    Raises:
      DefinitionError: if one has not.
    """
    import ray

    ours, look = versions(), ray.remote(versions)
    known: Any = ray.nodes  # it has no types
    nodes = [node["NodeID"] for node in known() if node["Alive"]]
    asked = [look.options(**Options(num_cpus=0, node=node).for_ray()).remote() for node in nodes]
    for node, ref in zip(nodes, asked, strict=True):
        theirs = (await settle(ref)).result()
        if theirs != ours:
            problem = f"node {node} has Python {theirs[0]} and trioflow {theirs[1]}"
            remedy = f"install Python {ours[0]} and trioflow {ours[1]} there"
            raise DefinitionError("the Ray cluster", problem, remedy)
