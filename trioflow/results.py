"""The result of a run that has finished or suspended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs

from trioflow._help import PlainHelp
from trioflow.errors import RunCanceledError, RunSuspendedError
from trioflow.events import RunStatus
from trioflow.step_record import StepRecord

Out = TypeVar("Out")


@attrs.frozen(kw_only=True)
class RunResult(Generic[Out], metaclass=PlainHelp):
    """The result of a run that has finished or suspended, with everything that it recorded."""

    status: RunStatus
    """``"success"``, ``"failed"``, ``"suspended"`` or ``"canceled"``."""
    run_id: str
    workflow_id: str
    input: Any
    """The input of the run, structured into its type."""
    output: Out | None = None
    """The output of the workflow, or the value that a step bailed with."""
    error: BaseException | None = None
    """The failed step's own exception; an ExceptionGroup if several failed."""
    steps: Mapping[str, StepRecord] = attrs.field(factory=dict)
    """The last call of each step, by id; inside nested workflows ``"outer.inner"``."""
    suspended: tuple[tuple[str, ...], ...] = ()
    """Paths of the suspended steps: the ids from the outermost workflow to the step."""
    resume_labels: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Paths of the suspended steps that have a label, by label."""
    suspend_payload: Mapping[str, Any] = attrs.field(factory=dict)
    """Payloads of the suspended steps, by id; several questions of one step by their keys."""
    state: Any = None
    """The final value of the state that the steps share."""
    reason: str | None = None
    """Why the run was canceled, if a reason was given."""
    trace_id: str = ""

    def unwrap(self) -> Out:
        """Return the output, or raise an exception if there is none.

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
