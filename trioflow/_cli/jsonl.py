"""A run as JSON lines: one wire event per line, for other programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import attrs

from trioflow import events as ev
from trioflow._cli.display import say
from trioflow._cli.output import Output
from trioflow.errors import NotSerializableError
from trioflow.wire import to_wire
from trioflow.wire._values import lenient_json
from trioflow.wire._vocabulary import VALUES

if TYPE_CHECKING:
    from cattrs import Converter


@attrs.define
class JsonDisplay:
    """Writes each event as soon as it arrives."""

    output: Output
    converter: Converter | None = None
    _has_warned: bool = False

    async def recall(self, events: Sequence[ev.Event]) -> None:
        """Write nothing: these events have been written before."""

    def shown(self) -> AbstractContextManager[object]:
        """Return a context that does nothing."""
        return nullcontext()

    async def attend(self) -> None:
        """Wait until the reader has gone."""
        await self.output.wait_closed()

    async def show(self, event: ev.Event) -> None:
        """Write the line of *event*.

        Raises:
          BrokenPipeError: if the reader has gone.
        """
        wire = self._wire(event)
        line = json.dumps(wire, ensure_ascii=False, separators=(",", ":"))
        await self.output.write(line + "\n")

    def stopping(self, notice: str, *, for_good: bool = True) -> None:
        """Report on standard error that the run is being stopped."""
        say(notice)

    async def show_result(self, value: Any) -> None:
        """Write nothing: the last event has the output."""

    def _wire(self, event: ev.Event) -> dict[str, Any]:
        try:
            return to_wire(event, converter=self.converter)
        except NotSerializableError as exc:
            # A missing event would be worse than a value that is written as a string.
            if not self._has_warned:
                say(f"{event.type} {event.seq}: {exc}; such values are written as strings")
                self._has_warned = True
            return to_wire(_with_texts(event, self.converter), converter=self.converter)


def _with_texts(event: ev.Event, converter: Converter | None) -> ev.Event:
    """Return the event with a string for every part of a value that has no JSON form."""
    names = [field.name for field in attrs.fields(type(event))]
    values = {name: getattr(event, name) for name in names if name in VALUES | {"payload"}}
    texts = {name: lenient_json(value, converter) for name, value in values.items()}
    return attrs.evolve(event, **texts)
