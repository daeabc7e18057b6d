"""What the bodies and functions of a case see, and what they leave behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from trioflow import RunContext, StepContext

from .expressions import as_number


class NotSupportedError(Exception):
    """A case needs something that trioflow cannot do yet."""


@attrs.define
class Effects:
    """What the bodies and hooks of a case leave behind."""

    calls: Counter[str] = attrs.field(factory=Counter)
    journal: list[Any] = attrs.field(factory=list)
    labels: dict[str, str] = attrs.field(factory=dict)
    """Labels by their synonyms: a step may suspend with several there, and has one here."""
    outputs: dict[str, Any] = attrs.field(factory=dict)
    """What bodies returned that had asked to be suspended, by the name of their call."""
    not_supported: list[str] = attrs.field(factory=list)
    """What a body needed in vain; it is not the failure that the case is about."""


@attrs.frozen
class Custom:
    """A chunk that stands in the stream as an event of its own."""

    chunk: Mapping[str, Any]


@attrs.define
class Place:
    """What expressions see of the place in a run where they are evaluated."""

    input: Any
    current: Any
    ctx: RunContext[Any]
    ids: Mapping[str, str]
    """The ids that refs stand for, where they differ."""
    old_engine: bool = False
    """Whether it is the old engine; its count of runs goes on from iteration to iteration."""
    call_count: int = 0

    def init(self) -> Any:
        return self.ctx.init_data

    def resume(self) -> Any:
        return getattr(self.ctx, "resume_data", None)

    def suspend_data(self) -> Any:
        return getattr(self.ctx, "suspend_data", None)

    def state(self) -> Any:
        return self.ctx.state

    def context(self, key: str) -> Any:
        return self.ctx.runtime_context.get(key)

    def step(self, ref: str) -> Any:
        return self.ctx.step_result(self.ids.get(ref, ref), None)

    def run_count(self) -> int:
        attempt: int = getattr(self.ctx, "attempt", 0)  # -1 where there are no attempts
        return attempt - 1 + ((self.ctx.iteration or 1) - 1) * self.old_engine

    def calls(self) -> int:
        return self.call_count

    def iteration(self) -> int | None:
        in_body = isinstance(self.ctx, StepContext)  # where the recorded engine does not say it
        return None if in_body else self.ctx.iteration

    def abort(self) -> None:
        self.ctx.cancel_run()


def seconds(ms: Any) -> float:
    """Return milliseconds as seconds; 0 for what is no positive number."""
    number = as_number(ms)
    return number / 1000 if number > 0 else 0
