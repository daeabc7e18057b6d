"""What a gift is, and who gives it."""

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
    """A call with the value, and what follows it. The run ends with success all the same."""

    build: Callable[[Stage, Flow], Flow]
    """Takes a workflow without nodes."""
    give: Callable[[Giver], Awaitable[AnyRun]]


@attrs.define(eq=False)
class Giver:
    """One who calls with a value that cannot be written, and then with one that can."""

    engine: Engine
    stage: Stage
    flow: Flow
    value: Any
    refuses: Callable[[Callable[[], Any]], Awaitable[bool]]
    """Makes a call, and tells whether it was refused, as it has to be in a durable run."""

    def create(self) -> AnyRun:
        return self.engine.create_run(self.flow, run_id=self.flow.id)

    async def suspended(self) -> AnyRun:
        """Return a run that waits for an answer."""
        run = self.create()
        await run.start(1)
        return run
