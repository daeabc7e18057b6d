"""What a store keeps of a run beside its journal, so that lists need not read any."""

from __future__ import annotations

import json
import time

import attrs

from trioflow._engine.journal.codec import FORMAT, decode_entry
from trioflow._engine.life.life import Life
from trioflow._engine.planning.fingerprint import fingerprint
from trioflow.abc import Entry, RunHeader
from trioflow.events import Start

MAX_LISTED_INPUT = 1000
"""How many characters of JSON an input may have to be in the header. A longer one is in the journal
alone: a list is for finding runs, and each run would be twice as large."""
MAX_READ = 16_000
"""How long a first entry may be to be taken apart for it, which takes up to 0.1 ms then."""


def header_of(life: Life) -> RunHeader:
    """Return the header of a run that has not begun."""
    return RunHeader(
        run_id=life.run_id,
        workflow_id=life.plan.id,
        resource_id=life.resource_id,
        created_at=time.time(),
        format=FORMAT,
        fingerprint=fingerprint(life.plan),
        tags=life.tags,
    )


def with_input(header: RunHeader, first: Entry) -> RunHeader:
    """Return a header with the input that the first entry of the journal records.

    It is taken from there, so that a list shows no more than the journal does: what is encoded in
    the one is asterisks in the other.
    """
    if len(first.text) > MAX_READ:
        return header
    start = decode_entry(header.run_id, first)
    assert isinstance(start, Start)
    text = json.dumps(start.input, separators=(",", ":"))
    return attrs.evolve(header, input=text) if len(text) <= MAX_LISTED_INPUT else header
