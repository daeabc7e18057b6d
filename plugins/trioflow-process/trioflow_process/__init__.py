"""Runs CPU-bound steps in worker processes, for trioflow.

The hook at the end is the plugin: trioflow finds this module by the entry point in
pyproject.toml and asks it for the runner when a step says ``runner="process"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trioflow import hookimpl
from trioflow.abc import Runner
from trioflow_process.errors import NotInWorkerError, NotPicklableError, WorkerCrashedError

if TYPE_CHECKING:
    from trioflow_process.runner import ProcessRunner

__all__ = ["NotInWorkerError", "NotPicklableError", "ProcessRunner", "WorkerCrashedError"]


def __getattr__(name: str) -> Any:
    # Every engine imports this module, also those that never start a process.
    if name == "ProcessRunner":
        from trioflow_process.runner import ProcessRunner

        return ProcessRunner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def trioflow_runner(name: str) -> Runner | None:
    """Offer the runner ``"process"``, with a worker for each CPU."""
    if name != "process":
        return None
    from trioflow_process.runner import ProcessRunner  # not before it is needed, see above

    return ProcessRunner()
