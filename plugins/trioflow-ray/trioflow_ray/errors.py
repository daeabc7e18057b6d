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
    node: str | None
    """The id of the node on which the body ran; None if it had not begun."""
    reason: str

    def __str__(self) -> str:
        where = "" if self.node is None else f" on node {self.node}"
        return f"the {LOST[self.kind]} of step {self.step!r}{where} was lost: {self.reason}"


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
    node: str | None
    """The id of the node; None if Ray does not say it."""

    def __str__(self) -> str:
        where = "a node" if self.node is None else f"node {self.node}"
        return (
            f"{where} of the Ray cluster cannot import {self.module!r}, which step {self.step!r} "
            "needs; use the same image on all nodes, or send it with ray_options(runtime_env=...)"
        )


@attrs.define(eq=False)
class ClusterStartError(TrioflowError, RuntimeError):
    """Raised when the cluster that a runner should start for itself does not start."""

    problem: str

    def __str__(self) -> str:
        return (
            f"the Ray cluster of this program has not started: {self.problem} "
            "Ray allows 30 s for it, so try again when the machine is less busy, or start a "
            "cluster before (`ray start --head`) and pass its address"
        )


@attrs.define(eq=False)
class RefLostError(NonRetryableError):
    """Raised when the value of a `Ref` is lost, for example with its node. Never retried."""

    ref: str
    """The id of its object."""
    step: str
    """The step that has made it."""

    def __str__(self) -> str:
        return (
            f"the value of a Ref that step {self.step!r} has made is no longer on the Ray cluster "
            f"(object {self.ref}); fork the run at step {self.step!r} to make it again, and put "
            "what has to last in a value store, with ctx.put()"
        )
