"""A run as plain lines: one per lifecycle event, without control codes, suitable for logs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import attrs

from trioflow import events as ev
from trioflow._cli.display import say
from trioflow._cli.output import Output
from trioflow._cli.places import place_of
from trioflow._cli.speech import Speech, usage_text
from trioflow._cli.text import clean, duration, safe_json
from trioflow._cli.values import FELL_BACK, describe_error, preview
from trioflow.wire._values import lenient_json

if TYPE_CHECKING:
    from cattrs import Converter

SHORT = 80
"""Maximum number of characters of a value that are shown."""


@attrs.define
class PlainDisplay:
    """Writes a line per lifecycle event, and the output as JSON."""

    output: Output
    converter: Converter | None = None
    started: float | None = None
    _speech: Speech = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._speech = Speech(self.converter)

    async def recall(self, events: Sequence[ev.Event]) -> None:
        """Write nothing: these events have been written before."""
        for event in events:
            list(self._speech.lines(event))

    def shown(self) -> AbstractContextManager[object]:
        """Return a context that does nothing."""
        return nullcontext()

    async def attend(self) -> None:
        """Wait until the reader has gone."""
        await self.output.wait_closed()

    async def show(self, event: ev.Event) -> None:
        """Write the line of *event*, if it has one, and what agents have said.

        Raises:
          BrokenPipeError: if the reader has gone.
        """
        if self.started is None:
            self.started = event.at
        lines = [(line.kind, f"{line.speaker}: {line.text}") for line in self._speech.lines(event)]
        text = describe(event)
        for kind, words in lines if text is None else [*lines, (event.type, text)]:
            await self.output.write(f"{event.at - self.started:9.3f}  {kind:<13} {words}\n")

    def stopping(self, notice: str, *, for_good: bool = True) -> None:
        """Report on standard error that the run is being stopped."""
        say(notice)

    async def show_result(self, value: Any) -> None:
        """Write the output as indented JSON."""
        plain = lenient_json(value, self.converter)
        await self.output.write(safe_json(plain, indent=2, encoding=self.output.encoding) + "\n")


def describe(event: ev.Event) -> str | None:
    """Return the description of an event; None for chunks and pieces.

    The progress of a ``foreach`` gets about ten lines, however many items there are, and one
    more for each item that does not succeed.
    """
    match event:
        case ev.StepOutput() | ev.ToolCallDelta() | ev.ToolCallStreamingStart():
            return None
        case ev.PrivateUpdate():  # what a plugin keeps is of no interest to others
            return None
        case ev.StepProgress(status="success", error=error) if error is not None:
            place = f"{clean(event.id)} [{event.index}]"
            return f"{place} {event.status} {FELL_BACK}{_error(error)}"
        case ev.StepProgress(status="success" | "bailed"):
            tenths = event.done * 10 // event.total, (event.done - 1) * 10 // event.total
            return f"{clean(event.id)} {event.done}/{event.total}" if len(set(tenths)) > 1 else None
        case ev.StepEvent():
            words = [clean(place_of(event.id, event.address)), *_step_words(event)]
        case _:
            words = _run_words(event)
    return " ".join(word for word in words if word)


def _run_words(event: ev.Event) -> list[str]:
    match event:
        case ev.Start():
            return [clean(event.workflow_id), f"run {clean(event.run_id)}"]
        case ev.Canceled():
            return [clean(event.reason or "")]
        case ev.Finish():
            return [event.status, usage_text(event.usage), _error(event.error)]
        case _:
            return []


def _step_words(event: ev.StepEvent) -> list[str]:
    match event:
        case ev.StepStart():
            iteration = "" if event.iteration is None else f"#{event.iteration}"
            return [iteration, "" if event.kind == "step" else event.kind]
        case ev.StepBegin():
            return [f"attempt {event.attempt}" if event.attempt > 1 else ""]
        case ev.StepRetry():
            wait = f" in {duration(event.delay)}" if event.delay else ""
            return [f"attempt {event.attempt} failed, next{wait}:", _error(event.error)]
        case ev.StepProgress():
            return [f"[{event.index}] {event.status}", _error(event.error)]
        case ev.StepWaiting():
            left = "" if event.until is None else f"for {duration(event.until - event.at)}"
            return ["" if event.event is None else f"event {clean(event.event)!r}", left]
        case ev.StepSuspended():
            return [preview(event.payload, SHORT)]
        case ev.StepResult(status="failed"):
            return [event.status, _error(event.error)]
        case ev.StepResult(error=error) if error is not None:
            return [event.status, FELL_BACK + _error(error)]
        case ev.StepResult():
            return [event.status]
        case ev.StepFinish():
            tries = f"{event.attempts} attempts" if event.attempts > 1 else ""
            return [duration(event.seconds), tries]
        case ev.ToolEvent():
            return [clean(event.name), *_tool_words(event)]
        case _:
            return []


def _tool_words(event: ev.ToolEvent) -> list[str]:
    match event:
        case ev.ToolCall():
            return [preview(event.args, SHORT)]
        case ev.ToolError():
            return [event.status, _error(event.error)]
        case _:
            return []


def _error(error: BaseException | None) -> str:
    return "" if error is None else describe_error(error)
