"""What the agents of a run have said, as far as it is recorded.

Pieces of text are not recorded, but each turn is when it is over. The script of the page shows what
follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import attrs

from trioflow import RunRecord

if TYPE_CHECKING:
    from trioflow_agents import SpokenTurn, Usage

NAMESPACE = "trioflow-agents"
"""The private state that holds conversations."""
KEPT = 400
"""Most entries; those of the last turns. The script keeps as many."""


@attrs.frozen
class Entry:
    """One paragraph."""

    kind: str
    """``"text"``, ``"provisional"``, ``"asks"`` or ``"used"``."""
    text: str


def said_in(record: RunRecord | None) -> Sequence[Entry]:
    """Return what agents have said: text, tool calls and usage of each turn, and usage in all."""
    if record is None or NAMESPACE not in record.private:
        return ()
    try:
        from trioflow_agents import spoken_turns
    except ImportError:  # the run is of another process, which has the plugin
        return ()
    entries = list(chain.from_iterable(map(_entries, spoken_turns(record))))
    if entries and (used := used_in(record.usage)):
        entries.append(Entry("used", f"In all: {used}"))
    return entries[-KEPT:]


def _entries(turn: SpokenTurn) -> Iterator[Entry]:
    if turn.text:
        yield Entry("provisional" if turn.is_draft else "text", turn.text)
    for call in turn.calls:
        yield Entry("asks", f"{call.name} {call.arguments}")
    if turn.usage.total_tokens:
        yield Entry("used", f"{turn.agent}: {used_in(_wire(turn.usage))}")


def _wire(usage: Usage) -> dict[str, Any]:
    known = {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens}
    return known if usage.cost is None else {**known, "cost": usage.cost}


def used_in(usage: Mapping[str, Any] | None) -> str:
    """Return what language models have used, in words; empty if nothing is known."""
    used = usage or {}
    known = (("inputTokens", "in"), ("outputTokens", "out"))
    parts = [f"{used[key]:,} {word}" for key, word in known if key in used]
    return ", ".join([*parts, f"cost {used['cost']:.4g}"] if "cost" in used else parts)
