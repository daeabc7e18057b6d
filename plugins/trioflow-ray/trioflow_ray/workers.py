"""Start and stop workers on a Ray cluster."""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Mapping
from typing import Any

import trio

from trioflow_ray.options import Options, make_options

NAME = "trioflow-worker"


async def start_workers(
    count: int,
    *targets: str,
    store: str,
    capacity: int = 100,
    queues: Collection[str] = ("default",),
    poll: float = 5.0,
    drain: float = 30.0,
    engine: Mapping[str, Any] | None = None,
    address: str | None = None,
    name: str = NAME,
    **options: Any,
) -> list[str]:
    """Start workers on a Ray cluster, which take runs from a store and drive them.

    They are detached actors: they stay when this program ends, and Ray starts one again that has
    died, on another node if necessary. Runs of one that died are taken by others, or by itself
    when it is back. For a cluster without Ray, use ``trioflow worker``.

    Args:
      count: How many to start, in addition to those that there are.
      targets: Workflows to take runs of, such as ``"app.flows:report"``. Those of plugins are
        known without.
      store: The URL of a store that all nodes can use, such as ``"postgresql://db/runs"``.
      capacity: As for `Engine.work`; so are *queues*, *poll* and *drain*.
      engine: Further arguments of `open_engine`, such as ``{"claim_seconds": 10}``. They are
        pickled.
      address: The cluster, as in `ray.init`; None for the one that ``RAY_ADDRESS`` names, or that
        runs on this machine.
      name: What their names begin with.
      options: What each needs, as in `ray_options`; ``num_cpus`` is 0.5 if not given.

    Returns:
      The names of the actors, in the namespace ``"trioflow"``. All of them work.

    Raises:
      TypeError, ValueError: if an argument is invalid.
      ConnectionError: if there is no cluster at the address.
      Exception: what a worker could not begin for; none of them is left then.

    **Cancellation**: none of them is left.
    """
    from trioflow_ray.hosting import Work

    if type(count) is not int or count < 1:
        raise ValueError(f"count must be a whole number >= 1, not {count!r}")
    work = Work(
        store=store,
        targets=targets,
        capacity=capacity,
        queues=tuple(queues),
        poll=poll,
        drain=drain,
        engine=dict(engine or {}),
    )
    needs = make_options({"num_cpus": 0.5, **options})
    if needs.grace is not None:
        raise TypeError("workers have no option 'grace'; use drain=")
    connection = _connection(address)
    try:
        await connection.open()
        return await _start(count, name, work, needs)
    finally:
        await connection.close()


async def stop_workers(name: str = NAME, *, address: str | None = None) -> list[str]:
    """Stop the workers of a Ray cluster whose names begin with *name*, and return their names.

    They take no more runs, let running bodies end for as long as their ``drain`` says, and leave
    their runs to others at once.

    Args:
      name: As it was given to `start_workers`.
      address: The cluster, as for `start_workers`.

    Raises:
      ConnectionError: if there is no cluster at the address.

    **Cancellation**: those that have not stopped go on.
    """
    connection = _connection(address)
    try:
        await connection.open()
        return await _stop(name)
    finally:
        await connection.close()


def _connection(address: str | None) -> Any:
    from trioflow_ray.cluster import Connection  # it needs Ray, and so do the functions below

    return Connection(address or os.environ.get("RAY_ADDRESS") or "auto", {})


async def _start(count: int, name: str, work: Any, needs: Options) -> list[str]:
    import ray

    from trioflow_ray.hosting import Host
    from trioflow_ray.line import NAMESPACE
    from trioflow_ray.waiting import settle

    given = needs.for_ray()
    del given["max_retries"]
    given |= {"namespace": NAMESPACE, "lifetime": "detached"}
    given |= {"max_restarts": -1, "max_concurrency": 4}
    actor = ray.remote(Host)
    started: dict[str, Any] = {}
    try:
        for _ in range(count):
            id = f"{name}-{uuid.uuid4().hex[:12]}"
            started[id] = actor.options(**given, name=id).remote(work)
        for host in started.values():
            (await settle(host.wait_ready.remote())).result()
    except BaseException:
        for host in started.values():
            ray.kill(host)
        raise
    return list(started)


async def _stop(name: str) -> list[str]:
    import ray

    from trioflow_ray.line import NAMESPACE
    from trioflow_ray.waiting import settle

    known = ray.util.list_named_actors(all_namespaces=True)
    names = [
        each["name"]
        for each in known
        if each["namespace"] == NAMESPACE and each["name"].startswith(f"{name}-")
    ]

    async def stop(id: str) -> None:
        host = ray.get_actor(id, namespace=NAMESPACE)
        await settle(host.stop.remote())  # one that has died meanwhile has no runs either
        ray.kill(host)

    async with trio.open_nursery() as nursery:
        for id in names:
            nursery.start_soon(stop, id)
    return names
