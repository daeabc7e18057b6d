"""What a store keeps of a run in addition to its journal, so that lists need not read journals."""

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
"""The maximum characters of JSON of an input in the header. A longer input is only in the journal:
lists are for finding runs, and copies would double the size of each run."""
MAX_READ = 16_000
"""The maximum length of a first entry that is decoded for it; decoding takes up to 0.1 ms."""


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

    Taking it from the entry ensures that a list shows no more than the journal does: values that
    are encoded in the journal are asterisks in the list.
    """
    if first.length > MAX_READ:
        return header
    start = decode_entry(header.run_id, first)
    assert isinstance(start, Start)
    text = json.dumps(start.input, separators=(",", ":"))
    return attrs.evolve(header, input=text) if len(text) <= MAX_LISTED_INPUT else header
