"""Convert a timeline to plain data for its page. Times are seconds since the start of the run."""

from __future__ import annotations

import json
from typing import Any

import attrs

from trioflow.wire import lenient_json
from trioflow_pictures.timeline.bars import Bar, Span
from trioflow_pictures.timeline.failures import full_message, traceback_text
from trioflow_pictures.timeline.idle import idle_times, works
from trioflow_pictures.timeline.places import Timeline

ALL_TEXT = 4_000_000
"""Approximate total number of characters of all values."""
SHORTEST, LONGEST = 200, 4000
"""Maximum number of characters of each value, with many and with few calls."""
ONE_LINE = 80


def page_data(timeline: Timeline, *, with_stacks: bool = True) -> dict[str, Any]:
    """Return the data of the page in plain JSON types; *with_stacks* also those of errors."""
    bars = list(timeline.root.walk())
    limit = min(max(ALL_TEXT // (2 * len(bars)), SHORTEST), LONGEST)
    writer = _Writer(timeline.started, timeline.ended, limit, with_stacks)
    return {
        "run": timeline.run_id,
        "workflow": timeline.root.id,
        "trace": timeline.trace_id,
        "started": timeline.started,
        "length": writer.time(timeline.ended),
        "events": timeline.events,
        "idle": [[writer.time(start), writer.time(end)] for start, end in idle_times(timeline)],
        "rows": [writer.row(bar, depth) for bar, depth in bars],
    }


@attrs.frozen
class _Writer:
    started: float
    ended: float
    limit: int
    with_stacks: bool

    def time(self, at: float) -> float:
        """Return a time in seconds since the start of the run, rounded to microseconds."""
        return round(at - self.started, 6)

    def row(self, bar: Bar, depth: int) -> dict[str, Any]:
        """Return the data of one line."""
        return {
            "depth": depth,
            "label": bar.label,
            "id": bar.id,
            "address": bar.address,
            "kind": bar.kind,
            "status": bar.status,
            "works": works(bar),
            "end": None if bar.ended is None else self.time(bar.ended),
            "spans": [self.span(span) for span in bar.spans if span.start <= self.ended],
            "marks": {kind: [self.time(at) for at in times] for kind, times in bar.marks.items()},
            "facts": bar.facts,
            "texts": self.texts(bar),
        }

    def span(self, span: Span) -> list[Any]:
        """Return one span of a bar; a span that ends in the future is open."""
        end = None if span.end is None or span.end > self.ended else self.time(span.end)
        return [self.time(span.start), end, span.kind]

    def texts(self, bar: Bar) -> list[list[str]]:
        """Return errors and values as pairs of label and text."""
        errors = [[name, self.error(error)] for name, error in bar.errors]
        return errors + [[name, self.value(value)] for name, value in bar.values.items()]

    def value(self, value: Any) -> str:
        """Return a value as text, truncated to the limit."""
        text = value if isinstance(value, str) else _json_text(value)
        if len(text) <= self.limit:
            return text
        return f"{text[: self.limit]}… ({len(text):,} characters)"

    def error(self, error: BaseException) -> str:
        """Return the message of an error and its traceback, whose end is kept if it is long."""
        text = full_message(error)[: self.limit]
        trace = traceback_text(error) if self.with_stacks else ""
        if len(trace) > self.limit:
            trace = f"…{trace[-self.limit :]}"
        return f"{text}\n\n{trace}" if trace else text


def _json_text(value: Any) -> str:
    """Return JSON on one line, or indented if it is long and contains objects."""
    plain = lenient_json(value)
    text = json.dumps(plain, ensure_ascii=False)
    is_long = len(text) > ONE_LINE and "{" in text
    return json.dumps(plain, ensure_ascii=False, indent=1) if is_long else text
