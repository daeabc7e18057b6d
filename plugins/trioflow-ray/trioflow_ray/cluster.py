"""The connection of this process to a Ray cluster."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import trio

from trioflow_ray.errors import ClusterStartError


class Connection:
    """A connection that a thread of its own keeps.

    Ray asks the kernel to kill the servers of a cluster that it starts when their parent is gone,
    and for the kernel that is the thread that has started them. The threads of Trio end after some
    seconds of idleness.
    """

    def __init__(
        self,
        address: str | None,
        options: Mapping[str, Any],
        runtime_env: Mapping[str, Any] | None = None,
    ) -> None:
        address = address or os.environ.get("RAY_ADDRESS")
        self._options: dict[str, Any] = {**QUIET, "address": address}
        self._starts = address is None
        if address is None:
            self._options = {**QUIET, **OWN, **options}
        self._env = None if runtime_env is None else dict(runtime_env)
        if self._env is not None:  # only there, folders in it are sent to the nodes
            self._options["runtime_env"] = self._env
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._is_ours = False
        self._thread: threading.Thread | None = None

    async def open(self) -> None:
        """Connect, unless this process is connected already.

        Raises:
          ConnectionError: if there is no cluster at the address.
          ClusterStartError: if one of our own does not start.

        **Cancellation**: takes effect only when the connection is there or has failed.
        """
        import ray

        if ray.is_initialized():
            return
        self._is_ours = True
        begun, token = trio.Event(), trio.lowlevel.current_trio_token()
        self._thread = threading.Thread(
            target=self._serve, args=(token, begun), name="trioflow-ray", daemon=True
        )
        self._thread.start()
        with trio.CancelScope(shield=True):
            await begun.wait()
        if self._failure is not None:
            raise self._described(self._failure)
        await trio.lowlevel.checkpoint_if_cancelled()

    def _described(self, failure: BaseException) -> BaseException:
        """Return the error to raise: wrong options are told by Ray, and most others mean load."""
        if not self._starts or isinstance(failure, TypeError | ValueError):
            return failure
        if not isinstance(failure, Exception):
            return failure
        error = ClusterStartError(str(failure))
        error.__cause__ = failure
        return error

    def remote(self, fn: Callable[..., Any]) -> Any:
        """Return the remote function for *fn*, with the environment if the connection has none."""
        import ray

        if self._env is None or self._is_ours:
            return ray.remote(fn)
        return ray.remote(runtime_env=self._env)(fn)

    def _serve(self, token: trio.lowlevel.TrioToken, begun: trio.Event) -> None:
        import ray

        try:
            ray.init(**self._options)
        except BaseException as exc:
            self._failure = exc
        token.run_sync_soon(begun.set)
        if self._failure is None:
            self._over.wait()
            ray.shutdown()

    async def close(self) -> None:
        """Disconnect, and end the cluster if it was started for this connection."""
        self._over.set()
        if self._thread is not None:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._thread.join)


QUIET = {"log_to_driver": False, "logging_level": "ERROR"}
OWN = {"address": "local", "include_dashboard": False}
"""How a cluster of our own is started."""


def versions() -> tuple[str, str]:
    """Return what must be the same on all nodes: the versions of Python and of trioflow."""
    return ".".join(map(str, sys.version_info[:2])), version("trioflow")


def driver_node() -> str:
    """Return the id of the node of this process."""
    import ray

    node: str = ray.get_runtime_context().get_node_id()
    return node
