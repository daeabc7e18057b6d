"""A trioflow plugin that runs steps on a Ray cluster.

The functions at the end are its hooks: trioflow finds this module by the entry point in
pyproject.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trioflow import hookimpl
from trioflow.abc import Runner
from trioflow_ray import recording
from trioflow_ray.errors import (
    ClusterStartError,
    CodeMissingError,
    NoNodeError,
    RefLostError,
    WorkerLostError,
)
from trioflow_ray.options import ray_options
from trioflow_ray.refs import Ref
from trioflow_ray.workers import start_workers, stop_workers

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow_ray.runner import RayRunner

__all__ = [
    "ClusterStartError",
    "CodeMissingError",
    "NoNodeError",
    "RayRunner",
    "Ref",
    "RefLostError",
    "WorkerLostError",
    "ray_options",
    "start_workers",
    "stop_workers",
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


@hookimpl
def trioflow_converter(converter: Converter) -> None:
    """Register how a `Ref` stands in journals."""
    recording.register(converter)


@hookimpl
def trioflow_schema(type_: Any) -> Mapping[str, Any] | None:
    """Return the JSON Schema of a `Ref`."""
    return recording.schema(type_)
