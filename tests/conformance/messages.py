"""Our typed errors, told in the words of the recorded engine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from trioflow.errors import (
    AmbiguousResumeError,
    DefinitionError,
    EventTimeoutError,
    Fault,
    InvalidValueError,
    MappingError,
    NotResumableError,
    NotSuspendedError,
    UnknownStepError,
)

from .expressions import UserError

Chosen = Mapping[int, BaseException]
"""Which member of a group the recorded engine hands out, by the group's ``id()``."""

RESUME_SUBJECTS = ("Step resume data validation failed", "Invalid resume data")
"""How faults in an answer are introduced: in a step, and where it is given."""
TEMPLATE_ROOTS = {
    "inputData": "data",
    "initData": "input",
    "stepResults": "steps",
    "requestContext": "context",
    "state": "state",
}
"""What the roots of placeholders in templates are called there and here."""
_NAMESPACES = "inputData, initData, state, requestContext, stepResults"
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


@attrs.frozen
class Words:
    """How one recorded engine tells errors."""

    version: str
    templates: Sequence[str] = ()
    """The templates of the case: some messages quote the one that is to blame."""
    order: Sequence[str] = ()
    """The ids of all steps in the order of their definition."""

    @property
    def is_old(self) -> bool:
        """Whether it is the engine of the first generation."""
        return self.version.startswith("0.")

    def error(
        self, error: BaseException, chosen: Chosen | None = None, *, at_begin: bool = False
    ) -> dict[str, Any]:
        """Return an exception as the cases have it."""
        error = single(error, chosen or {})
        described: dict[str, Any] = {
            "name": error.name if isinstance(error, UserError) else type(error).__name__,
            "message": self.message(error, at_begin=at_begin),
        }
        if isinstance(error, UserError) and error.props:
            described["props"] = error.props
        return {"$error": described}

    def refusal(self, action: Mapping[str, Any], error: Exception) -> dict[str, Any]:
        """Return why a run does not go on as an action wants."""
        message = self._refusal(action, error)
        if message is None:
            return self.error(error)
        return {"$error": {"name": type(error).__name__, "message": message}}

    def _refusal(self, action: Mapping[str, Any], error: Exception) -> str | None:
        step = action.get("step")
        match error:
            case NotSuspendedError() if step:
                waiting = ", ".join(self._outermost(error.available))
                return (
                    f'This workflow step "{_dotted(step)}" was not suspended. '
                    f"Available suspended steps: [{waiting}]"
                )
            case AmbiguousResumeError():
                steps = ", ".join(f"[{id}]" for id in self._outermost(error.candidates))
                return (
                    f"Multiple suspended steps found: {steps}. "
                    'Please specify which step to resume using the "step" parameter.'
                )
            case InvalidValueError():
                return self.message(error).replace(*RESUME_SUBJECTS)
            case NotResumableError() if action["do"].startswith("resume"):
                return "This workflow run was not suspended"
            case NotResumableError(status="running") if action["do"].startswith("timeTravel"):
                return "This workflow run is still running, cannot time travel"
            case NotResumableError() if action["do"] == "restart":
                return "This workflow run was not active"
            case UnknownStepError() if not step:
                return "Step is required and must be a valid step or array of steps"
            case UnknownStepError():
                return (
                    f"Cannot time travel to step '{_dotted(step)}': the step does not exist in the "
                    "current execution graph. The workflow definition has likely changed since the "
                    "run was recorded (renamed step, or an unnamed .map() step whose generated id "
                    "changed across processes). Steps recorded in the snapshot: "
                    f"{', '.join(error.known)}. The stored snapshot has not been modified."
                )
        return None

    def _outermost(self, listed: Sequence[str]) -> list[str]:
        """Return the steps of the root workflow that what is listed belongs to, in order."""
        roots = [id for id in self.order if "." not in id]
        return [id for id in roots if any(re.match(rf"{re.escape(id)}\b", each) for each in listed)]

    def message(self, error: BaseException, *, at_begin: bool = False) -> str:
        """Return the message for an error.

        Args:
          error: Any exception but a group.
          at_begin: Whether it was raised before the run began.
        """
        match error:
            case InvalidValueError():
                lines = map(_fault_line, error.faults)
                return f"{_subject(error, at_begin)}: \n" + "\n".join(lines)
            case MappingError():
                return self._template_fault(error) or self._mapping_fault(error)
            case EventTimeoutError():
                return "Timeout waiting for event"
            case DefinitionError():
                return next(self._bad_placeholders(), None) or str(error)
        return str(error)

    def _mapping_fault(self, error: MappingError) -> str:
        steps = re.findall("'([^']*)'", error.source)
        if len(steps) == 1:
            return f"Invalid path {error.path} in step {steps[0]}"
        if self.is_old:  # it has no other words for a list of steps, or for the input
            return f"Invalid path {error.path} in step initData"
        source = f"step {'|'.join(steps)}" if steps else "initData"
        return f"Invalid path {error.path} in {source}"

    def _template_fault(self, error: MappingError) -> str | None:
        for label, scope, rest in self._placeholders():
            if scope != "stepResults":
                if (TEMPLATE_ROOTS.get(scope), rest) == (error.source, error.path):
                    return f"Invalid path {rest} in {label}"
                continue
            step, _, path = rest.partition(".")
            if (f"step {step!r}", path) == (error.source, error.path):
                return f"Invalid path {path} in {label}"
            if ("steps", rest) != (error.source, error.path):
                continue
            return (
                f'{label} references stepResults.{step} but step "{step}" has no successful '
                "output (not run yet, not registered, failed, or produced no output)."
            )
        return None

    def _bad_placeholders(self) -> Iterator[str]:
        for label, scope, rest in self._placeholders():
            body = f"{scope}.{rest}" if rest else scope
            if not body or body != body.strip():
                yield (
                    f"{label} has empty or whitespace-padded contents. "
                    "Use ${<scope>.<path>} with no surrounding whitespace."
                )
            elif scope not in TEMPLATE_ROOTS:
                yield f'{label} references unknown namespace "{scope}". Use one of: {_NAMESPACES}.'

    def _placeholders(self) -> Iterator[tuple[str, str, str]]:
        """Yield how each placeholder is named in messages, its scope and its path."""
        for template in self.templates:
            for number, match in enumerate(_PLACEHOLDER.finditer(template), 1):
                label = f"Template placeholder #{number} ({match[0]}) in '{template}'"
                scope, _, rest = match[1].partition(".")
                yield label, scope, rest


def single(error: BaseException, chosen: Chosen) -> BaseException:
    """Return the one error that the recorded engine keeps of several: the first one."""
    while isinstance(error, BaseExceptionGroup):
        error = chosen.get(id(error), error.exceptions[0])
    return error


def _dotted(step: Any) -> str:
    return step if isinstance(step, str) else ".".join(step or ())


def _subject(error: InvalidValueError, at_begin: bool) -> str:
    if error.what == "resume data":
        return RESUME_SUBJECTS[0]
    if error.what == "suspend payload":
        return "Step suspend data validation failed"
    if error.what == "state":
        return "Step state data validation failed"
    if error.what == "initial state":
        return "Invalid initial data"
    return "Invalid input data" if at_begin else "Step input validation failed"


def _fault_line(fault: Fault) -> str:
    path = re.sub(r"\[(\d+)\]", r".\1", fault.path).removeprefix(".")
    return f"- {path}: Invalid input: expected {fault.expected}, received {fault.received}"
