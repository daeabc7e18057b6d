"""Scalar values: JSON scalars, and values that JSON carries as a string."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from trioflow._forms.form import (
    Form,
    Kind,
    Plain,
    content_of,
    fault,
    tag_of,
    tagged,
    wrong_class,
    wrong_kind,
)
from trioflow._values.scalars import TEXT_FORMS
from trioflow._values.texts import seconds_text
from trioflow.errors import NotSerializableError

if TYPE_CHECKING:
    from trioflow._forms.forms import Forms

MAX_DIGITS = 4300
"""Maximum number of digits of an integer: Python refuses to parse longer ones."""
_MOST = 10**MAX_DIGITS


class JsonForm(Form):
    """JSON scalars: strings, booleans, integers, None."""

    def __init__(self, cls: Any, kind: Kind, forms: Forms) -> None:
        self.name = "None" if cls is type(None) else cls.__name__
        self.kinds = frozenset({kind})
        self._cls = cls
        self._forms = forms

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._cls) and (type(value) is self._cls or not _is_bool(value))

    def is_exact(self, value: Any) -> bool:
        return type(value) is self._cls

    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is self._cls:
            if self._cls is int:
                check_digits(value)
            return value
        if not self.accepts(value):
            raise wrong_class(self.name, value)
        return self._forms.dump_named(value, depth)

    def load(self, plain: Plain) -> Any:
        if type(plain) is self._cls:
            return plain
        if tag_of(plain) is not None:
            return self._forms.load_named(plain, self._cls)
        raise wrong_kind(self.name, plain)


class FloatForm(JsonForm):
    """Floats. An integer is also read as a float, because its type may have changed."""

    def __init__(self, forms: Forms) -> None:
        super().__init__(float, "float", forms)

    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is float:
            check_finite(value)
            return value
        return super().dump(value, depth)

    def load(self, plain: Plain) -> Any:
        if type(plain) is not int:
            return super().load(plain)
        try:
            number = float(plain)
        except OverflowError:
            number = 0.0
        if number != plain:
            raise fault(f"{plain} cannot be a float without loss", "float", "int")
        return number


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def check_digits(value: int) -> None:
    """Check that any Python can read an integer.

    Raises:
      NotSerializableError: if it is too long.
    """
    if not -_MOST < value < _MOST:
        problem = f"is an integer of more than {MAX_DIGITS:,} digits"
        raise NotSerializableError("", problem, "use a string or bytes instead")


def check_finite(value: float) -> None:
    """Check that JSON can hold a float.

    Raises:
      NotSerializableError: if it is infinite or NaN.
    """
    if not isfinite(value):
        problem = f"is the float {value}, which JSON does not have"
        raise NotSerializableError("", problem, "use None or a string instead")


# ---------------------------------------------------------------- as strings
class TextForm(Form):
    """A scalar that JSON carries in another form, mostly as a string."""

    def __init__(
        self,
        cls: type,
        write: Callable[[Any], Plain],
        read: Callable[[Any], Any],
        forms: Forms,
        kind: Kind = "str",
    ) -> None:
        self.name = cls.__name__
        self.kinds = frozenset({kind})
        self._cls = cls
        self._made = type(cls()) if cls is Path else cls
        self._write = write
        self._read = read
        self._forms = forms
        self._kind = kind

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._cls)

    def is_exact(self, value: Any) -> bool:
        return type(value) is self._made

    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is self._made:
            return self._write(value)
        if not self.accepts(value):
            raise wrong_class(self.name, value)
        return self._forms.dump_named(value, depth)

    def load(self, plain: Plain) -> Any:
        tag = tag_of(plain)
        if tag is not None and tag != ZONED:
            return self._forms.load_named(plain, self._cls)
        try:
            return self._read(plain)
        except (TypeError, ValueError, ArithmeticError, KeyError, AttributeError) as exc:
            if isinstance(plain, str) and self._kind == "str":
                raise fault(f"{plain!r} is not a {self.name}", self.name, "str") from exc
            raise wrong_kind(self.name, plain) from exc


ZONED = "zoned"
"""The tag of a moment with more than an offset: a time zone, or a fold."""


def write_moment(moment: datetime | time) -> Plain:
    """Return a date with time, or a time of day, as ISO 8601; with its zone, if it has one."""
    zone = moment.tzinfo
    if isinstance(zone, ZoneInfo) and zone.key:
        return tagged(ZONED, [moment.isoformat(), zone.key, moment.fold])
    if zone is not None and type(zone) is not timezone:
        problem = f"has a time zone of class {type(zone).__name__}, which cannot be recorded"
        raise NotSerializableError("", problem, "use zoneinfo.ZoneInfo, or an offset from UTC")
    if moment.fold:
        return tagged(ZONED, [moment.isoformat(), None, moment.fold])
    return moment.isoformat()


def read_moment(cls: Any) -> Callable[[Plain], Any]:
    """Return the function that reads moments of a class."""

    def read(plain: Plain) -> Any:
        if tag_of(plain) is None:
            return cls.fromisoformat(plain)
        text, key, fold = content_of(plain)
        moment = cls.fromisoformat(text)
        zone = moment.tzinfo if key is None else ZoneInfo(key)
        return moment.replace(tzinfo=zone, fold=fold)

    return read


def _bytes_text(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode()


def _bytearray(text: str) -> bytearray:
    return bytearray(base64.b64decode(text, validate=True))


def _complex(plain: Plain) -> complex:
    real, imag = plain
    return complex(real, imag)


def _write_complex(value: complex) -> Plain:
    check_finite(value.real)
    check_finite(value.imag)
    return [value.real, value.imag]


def _range(plain: Plain) -> range:
    return range(*plain)


def _write_zone(zone: ZoneInfo) -> str:
    if not zone.key:
        raise NotSerializableError("", "is a time zone without a key", "create it from a key")
    return zone.key


_Rule = tuple[Callable[[Any], Plain], Callable[[Any], Any]]
TEXTS: Mapping[type, _Rule] = {
    datetime: (write_moment, read_moment(datetime)),
    date: (date.isoformat, TEXT_FORMS[date]),
    time: (write_moment, read_moment(time)),
    timedelta: (seconds_text, TEXT_FORMS[timedelta]),
    Path: (str, Path),
    PurePosixPath: (str, PurePosixPath),
    PureWindowsPath: (str, PureWindowsPath),
    UUID: (str, UUID),
    Decimal: (str, Decimal),
    bytes: (_bytes_text, TEXT_FORMS[bytes]),
    bytearray: (_bytes_text, _bytearray),
    Fraction: (str, Fraction),
    ZoneInfo: (_write_zone, ZoneInfo),
    **{
        cls: (str, cls)
        for cls in (
            ipaddress.IPv4Address,
            ipaddress.IPv6Address,
            ipaddress.IPv4Network,
            ipaddress.IPv6Network,
            ipaddress.IPv4Interface,
            ipaddress.IPv6Interface,
        )
    },
}
"""Types that are carried as a string, and how to write and read it."""
LISTS: Mapping[type, _Rule] = {
    complex: (_write_complex, _complex),
    range: (lambda value: [value.start, value.stop, value.step], _range),
}
"""Types that are carried as a list of numbers."""


def scalar_forms(forms: Forms) -> dict[Any, Form]:
    """Return the forms of all scalar types."""
    plain: dict[Any, Form] = {
        str: JsonForm(str, "str", forms),
        bool: JsonForm(bool, "bool", forms),
        int: JsonForm(int, "int", forms),
        float: FloatForm(forms),
        type(None): JsonForm(type(None), "null", forms),
    }
    texts = {cls: TextForm(cls, *rule, forms) for cls, rule in TEXTS.items()}
    lists = {cls: TextForm(cls, *rule, forms, "list") for cls, rule in LISTS.items()}
    return {**plain, **texts, **lists}


class SubclassForm(Form):
    """A subclass of a string, number or similar class: ``class Word(str)``.

    It is re-created by calling the class with the value. Before a value is recorded, this is
    tried, and the result must be equal.
    """

    def __init__(self, cls: type, base: type, inner: Form) -> None:
        self.name = cls.__name__
        self.kinds = inner.kinds
        self._cls, self._base, self._inner = cls, base, inner

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._cls)

    def is_exact(self, value: Any) -> bool:
        return type(value) is self._cls

    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is not self._cls:
            raise wrong_class(self.name, value)
        plain = self._inner.dump(_BARE[self._base](value), depth)
        try:
            again = self.load(plain)
            is_same = type(again) is self._cls and again == value and _state(again) == _state(value)
        except Exception as exc:
            raise self._refused() from exc
        if not is_same:
            raise self._refused()
        return plain

    def load(self, plain: Plain) -> Any:
        bare = self._inner.load(plain)
        try:
            return self._cls(bare)
        except Exception as exc:
            raise fault(f"{self.name} refuses it: {exc}", self.name) from exc

    def _refused(self) -> NotSerializableError:
        problem = f"is a {self.name} that {self.name}({self._base.__name__}) does not re-create"
        return NotSerializableError("", problem, f"use a {self._base.__name__}, or another class")


_BARE: Mapping[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
}
"""How to get the plain value of an instance of a subclass, whatever the subclass does."""


def base_of(cls: type) -> type | None:
    """Return the plain class that *cls* is a subclass of, if any."""
    if issubclass(cls, bool):
        return None
    return next((base for base in _BARE if issubclass(cls, base)), None)


def _state(value: Any) -> Any:
    return getattr(value, "__dict__", None)
