"""Values of any kind as attributes that every exporter can send.

What users pass may fail when it is read, contain itself, or be huge. None of that may cost a span:
every function here returns something for every value, cut to a length.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, TypeGuard, TypeVar

import attrs
from opentelemetry.util.types import AttributeValue

T = TypeVar("T")

LONGEST = 16_384
"""Maximum number of characters of a string, unless the limits of the program are lower.

Collectors refuse batches of a few megabytes, with all their spans.
"""
DEEPEST = 10
"""How many containers are written inside each other."""
MOST = 1_000
"""How many values of one container are written, with those inside of them."""
CUT = "…"
_NUMBERS = range(-(2**63), 2**63)

Attributes = dict[str, AttributeValue]


@attrs.frozen
class Texts:
    """Writes strings, attributes and metadata."""

    longest: int = LONGEST
    """Maximum number of characters of a string."""

    @classmethod
    def within(cls, tracer: object) -> Texts:
        """Return what keeps the limits of the program, as far as the tracer knows them."""
        limits = getattr(tracer, "_span_limits", None)  # of the SDK
        names = ("max_attribute_length", "max_span_attribute_length")
        found = (getattr(limits, name, None) for name in names)
        return cls(min([LONGEST, *(limit for limit in found if isinstance(limit, int))]))

    def text(self, value: object) -> str:
        """Return the ``str()`` of a value, also if that fails."""
        if type(value) is str and value.isascii() and len(value) <= self.longest:
            return value  # the usual case
        return self.safely(lambda: self._cut(_string(value)), value)

    def attribute(self, value: Any) -> AttributeValue:
        """Return a value as an attribute; what is not plain becomes a JSON string."""
        kind = type(value)  # the usual ones first
        if kind is str:
            return self.text(value)
        if kind is bool or (kind is int and value in _NUMBERS):
            return value  # type: ignore[no-any-return]
        return self.safely(lambda: self._attribute(value), value)

    def known(self, found: Mapping[str, Any]) -> Attributes:
        """Return attributes whose names are known; those that are None are left out."""
        return {name: self.attribute(value) for name, value in found.items() if value is not None}

    def attributes(self, found: Mapping[Any, Any], prefix: str = "") -> Attributes:
        """Return a mapping as attributes; entries that are None are left out."""

        def read() -> Attributes:
            return {
                prefix + self.text(key): self.attribute(value)
                for key, value in found.items()
                if value is not None
            }

        try:
            return read()
        except Exception:  # of the mapping itself
            return {f"{prefix}error": self.text("<the mapping cannot be read>")}

    def safely(self, write: Callable[[], T], value: object) -> T | str:
        """Return what *write* returns, or a string that says that it failed."""
        try:
            return write()
        except Exception:  # from the value's own class
            return self._cut(f"<{_class_of(value)}: its str() failed>")

    # ------------------------------------------------------------ inside
    def _attribute(self, value: object) -> AttributeValue:
        if isinstance(value, str):
            return self._cut(_string(value))
        if isinstance(value, bool):
            return value
        if isinstance(value, int) and abs(value) < 2**63:
            return int.__int__(value)  # the number, also of an enum
        if isinstance(value, float):
            return float.__float__(value)
        if _is_strings(value):
            return [self.text(item) for item in value]
        plain = _Plain(self).of(value, DEEPEST)
        return self._cut(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False))

    def _cut(self, text: str) -> str:
        if len(text) > self.longest:
            text = text[: max(0, self.longest - 1)] + CUT[: self.longest]
        return clean(text)


NAMES = Texts(256)
"""Writes names of spans and classes, which the limits of the program are not about."""


def clean(text: str) -> str:
    """Replace characters that UTF-8 cannot encode: an exporter would lose the whole batch."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _string(value: object) -> str:
    return str.__str__(value if isinstance(value, str) else str(value))


def _is_strings(value: object) -> TypeGuard[Sequence[str]]:
    """Return whether a value is a list of strings, which is an attribute as it is."""
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MOST:
        return False
    return all(isinstance(item, str) for item in value)


def _class_of(value: object) -> str:
    try:
        return _string(type(value).__name__)
    except Exception:  # from a metaclass
        return "object"


class _Plain:
    """Makes plain JSON data of one value."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._left = MOST

    def of(self, value: object, depth: int) -> Any:
        """Return the value with at most *depth* containers inside each other."""
        self._left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and abs(value) < 2**63:
            return int.__int__(value)
        if isinstance(value, float) and math.isfinite(value):
            return float.__float__(value)
        if isinstance(value, Mapping | list | tuple | Set):
            return self._texts.safely(lambda: self._container(value, depth), value)
        return self._texts.text(value)  # NaN and infinity too, which JSON does not have

    def _container(self, value: Any, depth: int) -> Any:
        if depth == 0 or self._left <= 0:
            return CUT
        if isinstance(value, Mapping):
            items = self._few(value.items())
            return {self._texts.text(key): self.of(item, depth - 1) for key, item in items}
        return [self.of(item, depth - 1) for item in self._few(value)]

    def _few(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if self._left <= 0:
                return
            yield item
