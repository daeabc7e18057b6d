"""Values as bytes: strings and bytes as they are, others as JSON with tags for their classes."""

from __future__ import annotations

import json
from json import scanner
from threading import Lock
from typing import TYPE_CHECKING, Any

import attrs

from trioflow._forms.form import MAX_DEPTH
from trioflow._forms.slices import is_large, write_slices
from trioflow._value_refs import ContentKind
from trioflow.errors import FaultsError, InvalidValueError, NotSerializableError

if TYPE_CHECKING:
    from trioflow._forms.forms import Forms

RAW: dict[type, ContentKind] = {bytes: "bytes", str: "str"}
"""The types whose values are written as they are. Workers write and read these themselves."""


def raw_bytes(value: bytes | str) -> bytes:
    """Return the bytes of a value that is written as it is."""
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def raw_value(kind: ContentKind, content: bytes) -> bytes | str:
    """Return the value that was written as it is."""
    return content if kind == "bytes" else content.decode("utf-8", "surrogatepass")


LONG = 1 << 20
"""From how many bytes on JSON is read by a decoder that takes longer, and lets others run."""


class _LongDecoder(json.JSONDecoder):
    """Reads lists and objects in Python: the usual one holds Python's lock for its whole time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]


@attrs.define(eq=False)
class Contents:
    """Writes and reads values of any type. Called in threads, because that may take seconds."""

    forms: Forms
    """Used for nothing else: forms are made when they are first needed, by one thread at a time."""
    _lock: Lock = attrs.field(factory=Lock)

    def dump(self, value: Any) -> tuple[ContentKind, bytes]:
        """Return how a value is written, and its bytes.

        Raises:
          NotSerializableError: if it has no JSON form.
        """
        kind = RAW.get(type(value))
        if kind is not None:
            return kind, raw_bytes(value)
        try:
            with self._lock:
                return "json", self._in_slices(value) or self._at_once(value)
        except RecursionError as exc:
            problem = f"is nested more than {MAX_DEPTH} levels deep, or contains itself"
            raise NotSerializableError("", problem, "use a flat form of it") from exc

    def _in_slices(self, value: Any) -> bytes | None:
        """Return a value as JSON; None if it is small, or cannot be written like this.

        Writing all of it with one call would hold Python's lock for its whole time.
        """
        if not is_large(value):
            return None
        pieces: list[str] = []
        try:
            for _ in write_slices(self.forms.anything, value, pieces):
                pass
        except (FaultsError, NotSerializableError):
            return None
        return b"".join([piece.encode() for piece in pieces])

    def _at_once(self, value: Any) -> bytes:
        plain = self.forms.anything.dump(value, MAX_DEPTH)
        return json.dumps(plain, separators=(",", ":"), allow_nan=False).encode()

    def load(self, kind: ContentKind, content: bytes, key: str) -> Any:
        """Return the value that *dump* has written.

        Raises:
          InvalidValueError: if it does not fit the current classes.
        """
        if kind != "json":
            return raw_value(kind, content)
        plain = json.loads(content, cls=None if len(content) < LONG else _LongDecoder)
        try:
            with self._lock:
                return self.forms.anything.load(plain)
        except FaultsError as exc:
            raise InvalidValueError("content", f"value {key}", exc.faults) from exc
