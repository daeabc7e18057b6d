"""Instruments that an engine is given: opened with it, closed behind its last run."""

from __future__ import annotations

from typing import Self

import pytest
import trio

from tests.flows import sleeps
from trioflow import Workflow, hookimpl, open_engine
from trioflow.abc import Instrument
from trioflow.errors import DefinitionError
from trioflow.events import Event


class Noting(Instrument):
    """Notes when it is opened and closed, and the events in between."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    async def __aenter__(self) -> Self:
        self.notes.append("opened")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.notes.append("closed")

    def on_event(self, event: Event) -> None:
        self.notes.append(event.type)


class Providing:
    """A plugin with one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument

    @hookimpl
    def trioflow_instruments(self) -> list[Instrument]:
        return [self._instrument]


async def test_an_instrument_is_open_from_before_the_first_run_until_after_the_last() -> None:
    given, provided = Noting(), Noting()

    async with open_engine(plugins=[Providing(provided)], instruments=[given]) as engine:
        assert given.notes == provided.notes == ["opened"]
        engine.submit(Workflow("w").then(sleeps(60)))
        await trio.testing.wait_all_tasks_blocked()

    assert given.notes == provided.notes
    assert given.notes[1] == "start"
    assert given.notes[-3:] == ["canceled", "finish", "closed"]


async def test_what_is_not_an_instrument_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is not an Instrument; give an object"):
        async with open_engine(plugins=[], instruments=[Noting]):  # type: ignore[list-item]
            pass
