"""What a run returns when it finishes or suspends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs

from trioflow.errors import RunCanceledError, RunSuspendedError
from trioflow.events import RunStatus
from trioflow.step_record import StepRecord

Out = TypeVar("Out")


@attrs.frozen(kw_only=True)
class RunResult(Generic[Out]):
    """How a run has finished, or that it is suspended, and everything that it has recorded."""

    status: RunStatus
    """``"success"``, ``"failed"``, ``"suspended"`` or ``"canceled"``."""
    run_id: str
    workflow_id: str
    input: Any
    """What the run was given, before it was structured."""
    output: Out | None = None
    """The output of the workflow, or what a step bailed with."""
    error: BaseException | None = None
    """The failed step's own exception; an ExceptionGroup if several failed."""
    steps: Mapping[str, StepRecord] = attrs.field(factory=dict)
    """The last call of each step by id, inside nested workflows ``"outer.inner"``."""
    suspended: tuple[tuple[str, ...], ...] = ()
    """Paths of the suspended steps, each the ids from the outermost workflow to the step."""
    resume_labels: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """The paths of those that can be answered by a label, by label."""
    suspend_payload: Mapping[str, Any] = attrs.field(factory=dict)
    """What they suspended with, by id; of several questions of one step by their keys."""
    state: Any = None
    """The state that the steps shared, as it was at the end."""
    reason: str | None = None
    """Why the run was canceled, if a reason was given."""
    trace_id: str = ""

    def unwrap(self) -> Out:
        """Return the output, or raise what stood in its way.

        Raises:
          Exception: what the failed step raised, or an ExceptionGroup if several failed.
          RunCanceledError: if the run was canceled.
          RunSuspendedError: if the run is suspended.
        """
        if self.status == "failed" and self.error is not None:
            raise self.error
        if self.status == "canceled":
            raise RunCanceledError(self.run_id, self.reason)
        if self.status == "suspended":
            raise RunSuspendedError(self.run_id, self.suspended)
        return self.output  # type: ignore[return-value]  # None only if Out allows it
