"""Members of enums, and the constants of literals."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum, Flag
from typing import TYPE_CHECKING, Any

from trioflow._forms.form import KINDS, MAX_DEPTH, Form, Plain, fault, tagged, wrong_class
from trioflow._forms.shown import untagged
from trioflow.errors import FaultsError, NotSerializableError

if TYPE_CHECKING:
    from trioflow._forms.forms import Forms


class EnumForm(Form):
    """An enum: each member by its value, or by its name if values have no form of their own."""

    def __init__(self, cls: type[Enum], forms: Forms) -> None:
        self.name = cls.__name__
        self._cls = cls
        self._is_flag = issubclass(cls, Flag)
        self._plain: dict[str, Plain] = {}
        """Members by name."""
        values = [_plain_value(member, forms) for member in cls]
        texts = {_text(plain) for plain in values}
        by_value = NOTHING not in values and len(texts) == len(values)
        for member, plain in zip(cls, values, strict=True):
            self._plain[member.name] = plain if by_value else member.name
        self._members = {_text(self._plain[member.name]): member for member in cls}
        kinds = {KINDS[type(plain)] for plain in self._plain.values()}
        self.kinds = frozenset(kinds | ({"int"} if self._is_flag else set()))

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._cls)

    def is_exact(self, value: Any) -> bool:
        return isinstance(value, self._cls)

    def dump(self, value: Any, depth: int) -> Plain:
        if not isinstance(value, self._cls):
            raise wrong_class(self.name, value)
        if value.name in self._plain:
            return self._plain[value.name]
        return value.value  # combined flags

    def load(self, plain: Plain) -> Any:
        try:
            return self._members[_text(plain)]
        except KeyError:
            if self._is_flag and type(plain) is int:
                return self._combined(plain)
        known = ", ".join(_text(each) for each in self._plain.values())
        raise fault(f"expected {self.name} (one of {known}), received {plain!r}", self.name)

    def _combined(self, plain: int) -> Any:
        try:
            return self._cls(plain)
        except ValueError as exc:
            raise fault(str(exc), self.name, "int") from exc


NOTHING = object()


def _plain_value(member: Enum, forms: Forms) -> Plain:
    try:
        plain = untagged(forms.anything.dump(member.value, MAX_DEPTH))
    except (NotSerializableError, FaultsError):
        return NOTHING
    return plain


def _text(plain: Plain) -> str:
    return "" if plain is NOTHING else json.dumps(plain, sort_keys=True)


class LiteralForm(Form):
    """One of several constants."""

    def __init__(self, options: Iterable[Any], forms: Forms) -> None:
        self._options = tuple(options)
        self.name = f"one of {', '.join(map(repr, self._options))}"
        self._plain = [_constant(option, forms) for option in self._options]
        if len(set(map(_text, self._plain))) < len(self._plain):  # Literal["red", Color.RED]
            self._plain = [
                forms.anything.dump(option, MAX_DEPTH)
                if not isinstance(option, Enum)
                else tagged(f"{type(option).__name__}.{option.name}", plain)
                for option, plain in zip(self._options, self._plain, strict=True)
            ]
        self._by_text = dict(zip(map(_text, self._plain), self._options, strict=True))
        self.kinds = frozenset(KINDS[type(plain)] for plain in self._plain)

    def accepts(self, value: Any) -> bool:
        return self._index(value) is not None

    is_exact = accepts

    def dump(self, value: Any, depth: int) -> Plain:
        index = self._index(value)
        if index is None:
            raise fault(f"expected {self.name}, received {value!r}", self.name)
        return self._plain[index]

    def load(self, plain: Plain) -> Any:
        try:
            return self._by_text[_text(plain)]
        except KeyError:
            raise fault(f"expected {self.name}, received {plain!r}", self.name) from None

    def _index(self, value: Any) -> int | None:
        for index, option in enumerate(self._options):
            # Also by type, because True == 1 == 1.0.
            if value is option or (type(value) is type(option) and value == option):
                return index
        return None


def _constant(option: Any, forms: Forms) -> Plain:
    if isinstance(option, Enum):
        return forms.form(type(option)).dump(option, MAX_DEPTH)
    return forms.anything.dump(option, MAX_DEPTH)
