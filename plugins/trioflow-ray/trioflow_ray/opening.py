"""Open what a runner needs on a cluster."""

from __future__ import annotations

import uuid
from contextlib import AsyncExitStack
from typing import Any

import trio

from trioflow.errors import DefinitionError
from trioflow.runners import Places
from trioflow.runners.remote import Logbook
from trioflow_ray.body import Cluster, Tasks
from trioflow_ray.cluster import Connection, driver_node, versions
from trioflow_ray.line import NAMESPACE
from trioflow_ray.mailbox import Mailbox
from trioflow_ray.options import Options
from trioflow_ray.post import Office
from trioflow_ray.refs import Shelf
from trioflow_ray.waiting import settle
from trioflow_ray.work import run_body

GATHERING = 0.002
"""Seconds that answers wait for others if bodies do not wait for each chunk: as many as possible go
in one call, which costs as much as that of a chunk."""
PATIENCE = 0.5
"""Seconds after which a body that waits for the engine lends its place to others."""


async def open_cluster(
    stack: AsyncExitStack, connection: Connection, max_in_flight: int, window: int
) -> Cluster:
    """Connect to a cluster, or start one, until the stack is closed.

    Args:
      window: How many chunks of a body may be under way; with 1, it waits for each.

    Raises:
      DefinitionError: if a node has another version of Python or trioflow.
      ConnectionError: if there is no cluster at the address.
      ClusterStartError: if one of our own does not start.
    """
    import ray

    stack.push_async_callback(connection.close)
    await connection.open()
    await check_versions()
    name, mailbox = _start_mailbox()
    stack.callback(ray.kill, mailbox)
    shelf = Shelf()
    stack.callback(shelf.close)
    nursery = await stack.enter_async_context(trio.open_nursery())
    nursery.cancel_scope.shield = True  # bodies that are canceled need them until they end
    places = Places(max_in_flight, patience=PATIENCE)
    office = Office(mailbox, GATHERING if window > 1 else 0.0)
    logbook = Logbook()
    for serve in (office.serve, places.lend, logbook.serve):
        nursery.start_soon(serve)
    stack.push_async_callback(_close, logbook, nursery)
    return Cluster(name, office, places, logbook, shelf, Tasks(connection.remote(run_body)))


def _start_mailbox() -> tuple[str, Any]:
    """Start the mailbox on the node of this process; return its name and handle."""
    import ray

    name = f"mailbox-{uuid.uuid4().hex}"
    options = Options(num_cpus=0, node=driver_node()).for_ray()
    del options["max_retries"]
    actor = ray.remote(Mailbox).options(
        **options, name=name, namespace=NAMESPACE, max_restarts=0, max_concurrency=100_000
    )
    return name, actor.remote()


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
