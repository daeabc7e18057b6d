"""A trioflow plugin that runs CPU-bound steps in worker processes.

The function at the end is its hook: trioflow finds this module by the entry point in
pyproject.toml and calls it when a step is declared with ``runner="process"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trioflow import hookimpl
from trioflow.abc import Runner
from trioflow.runners.remote import NotInWorkerError, NotPicklableError
from trioflow_process.errors import WorkerCrashedError

if TYPE_CHECKING:
    from trioflow_process.runner import ProcessRunner

__all__ = ["NotInWorkerError", "NotPicklableError", "ProcessRunner", "WorkerCrashedError"]


def __getattr__(name: str) -> Any:
    # Every engine imports this module, even if it never starts a process.
    if name == "ProcessRunner":
        from trioflow_process.runner import ProcessRunner

        return ProcessRunner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def trioflow_runner(name: str) -> Runner | None:
    """Return the runner ``"process"``, with one worker per CPU."""
    if name != "process":
        return None
    from trioflow_process.runner import ProcessRunner  # only when it is needed, see above

    return ProcessRunner()
