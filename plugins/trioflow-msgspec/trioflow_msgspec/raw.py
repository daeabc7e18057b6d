"""`msgspec.Raw`: JSON that is passed on as it is."""

from __future__ import annotations

from typing import Any

import msgspec

from trioflow.errors import Fault, FaultsError, NotSerializableError


def is_raw(type_: Any) -> bool:
    """Return whether a type is ``Raw``."""
    return type_ is msgspec.Raw


def read_raw(value: Any, _: Any) -> msgspec.Raw:
    """Return JSON as text, or a given ``Raw`` unchanged."""
    if isinstance(value, msgspec.Raw):
        return value
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError) as exc:
        raise FaultsError((Fault("", f"is not JSON ({exc})"),)) from exc


def write_raw(raw: msgspec.Raw) -> Any:
    """Return the JSON that a text stands for.

    Raises:
      NotSerializableError: if the text is not JSON, or is read back with other spaces.
    """
    try:
        value = msgspec.json.decode(raw)
        again = msgspec.json.encode(value)
    except (msgspec.DecodeError, ValueError) as exc:
        raise NotSerializableError("", f"is a Raw that is not JSON ({exc})") from exc
    if again != bytes(raw):
        problem = "is a Raw whose text msgspec.json.encode() would write in another way"
        raise NotSerializableError("", problem, "encode its value with msgspec.json.encode()")
    return value
