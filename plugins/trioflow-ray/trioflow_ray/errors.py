"""The errors of bodies on a Ray cluster, besides those of all runners elsewhere."""

from __future__ import annotations

from typing import Literal

import attrs

from trioflow.errors import NonRetryableError, TrioflowError

LossKind = Literal["worker", "node", "memory", "owner"]


@attrs.define(eq=False)
class WorkerLostError(TrioflowError):
    """Raised when the process of a body is lost. Can be retried.

    If a whole node is lost, for example behind a broken network, the body may still be running
    there: use ``ctx.step_call_id`` as an idempotency key.
    """

    step: str
    kind: LossKind
    """What was lost: the worker process, its node, the worker for lack of memory, or the process
    of the runner's mailbox."""
    reason: str

    def __str__(self) -> str:
        return f"the {LOST[self.kind]} of step {self.step!r} was lost: {self.reason}"


LOST = {
    "worker": "worker process",
    "node": "node",
    "memory": "worker process (too little memory)",
    "owner": "connection to the cluster",
}


@attrs.define(eq=False)
class NoNodeError(NonRetryableError):
    """Raised when no node of the cluster can run a step. Never retried."""

    step: str
    options: dict[str, object]
    """What the step needs."""
    seconds: float | None
    """How long it waited for a node; None if no node can ever have the resources."""

    def __str__(self) -> str:
        needs = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        when = "can ever" if self.seconds is None else f"could within {self.seconds:g} s"
        return (
            f"no node of the Ray cluster {when} run step {self.step!r}, which needs {needs}; "
            "add nodes, or ask for less with ray_options(...)"
        )


@attrs.define(eq=False)
class CodeMissingError(NonRetryableError):
    """Raised when a node cannot import what a step needs. Never retried."""

    step: str
    module: str

    def __str__(self) -> str:
        return (
            f"a node of the Ray cluster cannot import {self.module!r}, which step {self.step!r} "
            "needs; install it on all nodes, or send it with ray_options(runtime_env=...)"
        )
