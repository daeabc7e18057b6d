"""What the errors of Ray mean for a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray import exceptions

from trioflow.runners.remote import NotPicklableError
from trioflow_ray.errors import (
    CodeMissingError,
    LossKind,
    NoNodeError,
    WorkerLostError,
)
from trioflow_ray.refs import Ref

KINDS: tuple[tuple[type[Exception], LossKind], ...] = (
    (exceptions.OutOfMemoryError, "memory"),
    (exceptions.NodeDiedError, "node"),
    (exceptions.LocalRayletDiedError, "node"),
    (exceptions.OwnerDiedError, "owner"),
    (exceptions.WorkerCrashedError, "worker"),
    (exceptions.TaskCancelledError, "worker"),
    (exceptions.ObjectLostError, "node"),
)
"""The first that fits."""


def loss_of(
    step: str,
    failure: Exception,
    node: str | None,
    needs: dict[str, object],
    inputs: Mapping[str, Ref[Any]],
) -> Exception:
    """Return the error of a body whose task has no result.

    Args:
      failure: What Ray raises for the task.
      node: The node on which the body has begun.
      needs: What the body needs of a node.
      inputs: The Refs of the input, by the ids of their objects.
    """
    if isinstance(failure, exceptions.TaskUnschedulableError):
        return NoNodeError(step, needs, None)
    cause = getattr(failure, "cause", None)
    if isinstance(cause, ModuleNotFoundError):
        return CodeMissingError(step, cause.name or "a module", node)
    lost = _lost_input(failure, inputs)
    if lost is not None:
        return lost.lost()
    if isinstance(cause, TypeError):  # the value of a Ref, which Ray itself writes
        return NotPicklableError("value of the Ref", step, "", "Ref", _line(cause))
    for cls, kind in KINDS:
        if isinstance(failure, cls):
            return WorkerLostError(step, kind, node, _line(failure))
    return failure


def _lost_input(failure: Exception, objects: Mapping[str, Ref[Any]]) -> Ref[Any] | None:
    """Return the Ref of the input whose object is lost, if that is what has failed."""
    lost = getattr(failure, "object_ref_hex", None)
    for id, ref in objects.items():
        if isinstance(failure, exceptions.ObjectLostError) and id.endswith(f"@{lost}"):
            return ref
    return None


def _line(exc: BaseException) -> str:
    return " ".join(str(exc).split())
