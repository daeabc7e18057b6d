"""Sees which entries of the table the lives of runs take, and that they take no other way."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from unittest.mock import patch
from weakref import WeakKeyDictionary

import attrs

from trioflow._engine.life.life import Life
from trioflow._phases import CALL, Phase
from trioflow.events import Event, StepEvent
from trioflow.testing._grammar import check_event
from trioflow.testing._log import Log
from trioflow.testing._shape import Shape

Move = tuple[Phase, str]


@attrs.define(eq=False)
class Moves:
    """What the lives in all processes, and the journals, have gone through."""

    taken: set[Move] = attrs.field(factory=set)
    _last: WeakKeyDictionary[Life, Phase] = attrs.field(factory=WeakKeyDictionary)

    @contextmanager
    def watch(self) -> Generator[None, None, None]:
        """See all that lives do in the block."""
        move = Life.move

        def seen(life: Life, cause: str) -> None:
            self.check(life)
            before = life.phase
            move(life, cause)
            self.taken.add((before, cause))
            self._last[life] = life.phase

        with patch.object(Life, "move", seen):
            yield

    def check(self, life: Life) -> None:
        """Check that a life is where its last move has led."""
        last = self._last.get(life, Phase.PENDING)
        assert life.phase is last, f"from {last.value} to {life.phase.value} without a move"

    def follow(self, recorded: list[Event]) -> None:
        """Check that events are the first ones of a run, and take note of their moves."""
        log, shape = Log(tuple(recorded)), Shape(None)
        for index, event in enumerate(log.events):
            log.index = index
            self.taken.add((log.phase, CALL if isinstance(event, StepEvent) else event.type))
            check_event(log, shape, event)
