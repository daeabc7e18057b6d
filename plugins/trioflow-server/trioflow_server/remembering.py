"""Records of finished runs, so that lists need not read their journals again and again."""

from __future__ import annotations

from collections import OrderedDict

import attrs

from trioflow import RunInfo, RunRecord

MOST = 200
"""How many are remembered."""
LARGEST = 200
"""Most calls of a run whose record is remembered."""


@attrs.define(eq=False)
class RecordCache:
    """The records that were read last."""

    _known: OrderedDict[tuple[str, float, float], RunRecord] = attrs.field(factory=OrderedDict)

    def get(self, info: RunInfo) -> RunRecord | None:
        """Return the record of a finished run; None if it is not remembered."""
        found = self._known.get(_key(info))
        if found is not None:
            self._known.move_to_end(_key(info))
        return found

    def put(self, info: RunInfo, record: RunRecord) -> None:
        """Remember the record of a finished run."""
        if len(record.records) <= LARGEST:
            self._known[_key(info)] = record
        while len(self._known) > MOST:
            self._known.popitem(last=False)


def _key(info: RunInfo) -> tuple[str, float, float]:
    # A run that was deleted may be followed by another one with its id.
    return info.run_id, info.created_at, info.updated_at
