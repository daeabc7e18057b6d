"""Values that are stored on their own, outside of journals: the inputs of schedules."""

from __future__ import annotations

import json
from typing import Any

from trioflow._engine.journal.sealing import seal, unseal
from trioflow._engine.journal.writer import JournalWriter
from trioflow._forms.form import MAX_DEPTH, content_of, tag_of, tagged
from trioflow.errors import NotSerializableError

SEALED = "sealed"
"""The tag of a value that the engine's codec has encoded."""


def encode_value(value: Any, writer: JournalWriter) -> str:
    """Return a value as JSON, encoded by the codec if there is one.

    Raises:
      NotSerializableError: if it has no JSON form.
    """
    writer.forms.noted.clear()
    plain = writer.forms.anything.dump(value, MAX_DEPTH)
    if writer.forms.noted:
        problem = "holds a reference to a large value, which only a run can keep"
        raise NotSerializableError("", problem, "let the first step get the value")
    if writer.codec is not None:
        plain = tagged(SEALED, seal(json.dumps(plain), writer.codec))
    return json.dumps(plain, separators=(",", ":"), allow_nan=False)


def decode_value(text: str, writer: JournalWriter) -> Any:
    """Return the value that `encode_value` has written.

    Raises:
      FaultsError, WireFormatError: if it cannot be read.
    """
    plain = json.loads(text)
    if tag_of(plain) == SEALED:
        plain = unseal(content_of(plain), writer.codec)
    return writer.forms.anything.load(plain)
