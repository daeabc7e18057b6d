"""The runner for engines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack, ExitStack
from typing import Any, Self

import attrs
import trio

from trioflow import Step, StepContext, Tool
from trioflow.abc import Runner
from trioflow.errors import DefinitionError
from trioflow.runners import outside_timeout
from trioflow.runners.remote import check_reachable, pack_call
from trioflow_ray.body import Body, Cluster, Content, Kind, Manner
from trioflow_ray.cluster import Connection
from trioflow_ray.opening import open_cluster
from trioflow_ray.options import make_options, options_of
from trioflow_ray.outputs import Sizes, output_of
from trioflow_ray.refs import may_be_ref, taking
from trioflow_ray.variables import check_variable, pack_variables


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
        window: int = 1,
        warn_size: int = 10_000_000,
        context_vars: Collection[str] = (),
        runtime_env: Mapping[str, Any] | None = None,
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
          window: How many chunks of a body may be under way to its run. With 1, `ctx.write` returns
            when the event is emitted, as in a thread. With more, it waits only while the window
            is full, and the end of the body waits for all; an error of a chunk is raised by a
            later write or by the end of the body.
          warn_size: Bytes of an input or output above which a warning is logged, once per step.
          context_vars: Context variables that bodies get, such as ``"app.logs:request_id"``. Their
            values are pickled.
          runtime_env: Ray's description of packages, files and variables for all workers. Folders
            in it are sent to the nodes, unless this process is connected already.
          local: Arguments of `ray.init` for a cluster of its own, such as ``{"num_cpus": 2}``.
          options: Defaults of `ray_options` for all steps.

        Raises:
          TypeError, ValueError: if an argument is invalid.
        """
        for what, number in (("max_in_flight", max_in_flight), ("window", window)):
            if type(number) is not int or number < 1:
                raise ValueError(f"{what} must be a whole number >= 1, not {number!r}")
        if not grace >= 0:
            raise ValueError(f"grace must be >= 0, not {grace!r}")
        if start_timeout is not None and not start_timeout > 0:
            raise ValueError(f"start_timeout must be > 0 or None, not {start_timeout!r}")
        if not warn_size > 0:
            raise ValueError(f"warn_size must be > 0, not {warn_size!r}")
        if isinstance(context_vars, str):
            raise TypeError("context_vars is a collection of names, not a string")
        make_options(options)
        self._address = address
        self._max_in_flight = max_in_flight
        self._manner = Manner(grace, start_timeout, window)
        self._sizes = Sizes(warn_size)
        self._context_vars = tuple(context_vars)
        self._runtime_env = runtime_env
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
          ClusterStartError: if one of its own does not start.
        """
        if self._cluster is not None:
            raise RuntimeError("this RayRunner is already open; create one for each engine")
        for name in self._context_vars:
            check_variable(name)
        try:
            connection = Connection(self._address, self._local, self._runtime_env)
            self._cluster = await open_cluster(
                self._stack, connection, self._max_in_flight, self._manner.window
            )
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Disconnect, and end a cluster of its own."""
        self._cluster = None
        await self._stack.aclose()

    def check(self, fn: Callable[..., Any], where: str) -> None:
        check_reachable(fn, where)
        if getattr(fn, "__module__", None) == "__main__":
            problem = "its function is in the main module, which other nodes do not have"
            raise DefinitionError(where, problem, "move it to a module that all nodes can import")

    def cluster_resources(self) -> dict[str, float]:
        """Return the resources of all nodes of the cluster, such as ``{"CPU": 8.0}``.

        Raises:
          ClosedResourceError: if the runner is not open.
        """
        import ray

        if self._cluster is None:
            raise closed()
        resources: Any = ray.cluster_resources  # it has no types
        return dict(resources())

    def bind(self, definition: Step[Any, Any] | Tool[..., Any]) -> Runner:
        where = f"{'step' if isinstance(definition, Step) else 'tool'} {definition.id!r}"
        options = options_of(self._defaults, definition.metadata, where)
        is_async = definition.signature.kind == "async"
        gives_ref, is_timed = may_be_ref(definition.output), definition.timeout is not None
        return _Bound(self, Kind(options, is_async, gives_ref, is_timed))

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        """Call *fn* on the cluster, with the options of the runner.

        Raises:
          NotPicklableError: if arguments or output cannot be pickled.
          WorkerLostError, NoNodeError, CodeMissingError, RefLostError: if it cannot run there.
        """
        import inspect

        options, is_async = make_options(self._defaults), inspect.iscoroutinefunction(fn)
        kind = Kind(options, is_async, gives_ref=False, is_timed=True)  # perhaps
        return await self.run_as(kind, ctx, fn, args, kwargs)

    async def run_as(
        self,
        kind: Kind,
        ctx: StepContext[Any],
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call *fn* on the cluster as a body of this kind."""
        if self._cluster is None:
            raise closed()
        place = self._cluster.places.place(ctx.run_id)
        with ExitStack() as waiting:
            waiting.enter_context(outside_timeout(ctx))
            body = Body(self._cluster, ctx, kind, self._manner, place, waiting.close)
            try:
                await place.take()
                frame = await body.run(self._pack(ctx, fn, args, kwargs))
            finally:
                place.end()
        self._sizes.check(ctx.step_id, "output", len(frame[1]))
        return output_of(ctx, *frame, body)

    def _pack(
        self,
        ctx: StepContext[Any],
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Content:
        with taking() as refs:
            pickled = pack_call(ctx, fn, args, kwargs)
        for ref in refs.values():
            if ref.held is None:
                raise ref.lost()
        self._sizes.check(ctx.step_id, "input", len(pickled))
        return Content(pickled, refs, pack_variables(self._context_vars, ctx.step_id))


@attrs.frozen(eq=False)
class _Bound(Runner):
    """Runs the bodies of one step or tool, with its options."""

    _runner: RayRunner
    _kind: Kind

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        return await self._runner.run_as(self._kind, ctx, fn, args, kwargs)


def closed() -> trio.ClosedResourceError:
    return trio.ClosedResourceError("the Ray runner is not open")
