"""A trioflow plugin that runs steps on a Ray cluster.

The function at the end is its hook: trioflow finds this module by the entry point in
pyproject.toml and calls it when a step is declared with ``runner="ray"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trioflow import hookimpl
from trioflow.abc import Runner
from trioflow_ray.errors import CodeMissingError, NoNodeError, WorkerLostError
from trioflow_ray.options import ray_options

if TYPE_CHECKING:
    from trioflow_ray.runner import RayRunner

__all__ = [
    "CodeMissingError",
    "NoNodeError",
    "RayRunner",
    "WorkerLostError",
    "ray_options",
]


def __getattr__(name: str) -> Any:
    # Every engine imports this module, and Ray takes a second to import.
    if name == "RayRunner":
        from trioflow_ray.runner import RayRunner

        return RayRunner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def trioflow_runner(name: str) -> Runner | None:
    """Return the runner ``"ray"``: for the cluster in ``RAY_ADDRESS``, or one of its own."""
    if name != "ray":
        return None
    from trioflow_ray.runner import RayRunner  # only when it is needed, see above

    return RayRunner()
