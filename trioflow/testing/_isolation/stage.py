"""The parts that the workflows of all trials are made of."""

from __future__ import annotations

from typing import Any

import attrs
import trio

from trioflow.testing._isolation.bodies import Bodies
from trioflow.testing._isolation.plugin import Meddler


@attrs.define(eq=False)
class Stage:
    """The parts that workflows are made of."""

    bodies: Bodies = attrs.field(factory=Bodies)
    meddler: Meddler = attrs.field(factory=Meddler)
    is_restarted: bool = False
    """Whether the runs continue in another engine, in which nothing raises."""

    async def rest(self) -> None:
        """Wait until the run ends for another reason; return at once after a restart."""
        if not self.is_restarted:
            await trio.sleep_forever()

    def hidden(self, value: Any) -> str:
        """Return data from which a structure hook makes this value."""
        return self.meddler.made_by(lambda: value)
