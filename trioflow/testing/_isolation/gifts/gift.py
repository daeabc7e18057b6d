"""The description of a value that a caller passes to a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from trioflow.engine import Engine
from trioflow.run import Run
from trioflow.testing._isolation.bodies import Flow
from trioflow.testing._isolation.stage import Stage

AnyRun = Run[Any, Any]


@attrs.frozen
class Gift:
    """A call with the value, and what follows it. The run must still succeed."""

    build: Callable[[Stage, Flow], Flow]
    """Takes a workflow without nodes."""
    give: Callable[[Giver], Awaitable[AnyRun]]


@attrs.define(eq=False)
class Giver:
    """A caller that passes a value that cannot be written, and then one that can."""

    engine: Engine
    stage: Stage
    flow: Flow
    value: Any
    refuses: Callable[[Callable[[], Any]], Awaitable[bool]]
    """Makes a call, and returns whether it was refused, as a durable run must do."""

    def create(self) -> AnyRun:
        return self.engine.create_run(self.flow, run_id=self.flow.id)

    async def suspended(self) -> AnyRun:
        """Return a run that waits for an answer."""
        run = self.create()
        await run.start(1)
        return run
