"""Writing large values in slices, so that other tasks run in between.

The output is the string that ``json.dumps(form.dump(value))`` returns, but takes longer.
"""

from __future__ import annotations

import base64
import json
import time
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from trioflow._forms.anything import AnyForm
from trioflow._forms.fields import FieldsForm
from trioflow._forms.form import KINDS, MAX_DEPTH, Form, Plain, fault, too_deep
from trioflow._forms.items import ItemsForm, NamedTupleForm, TupleForm
from trioflow._forms.mappings import MappingForm
from trioflow._forms.scalars import JsonForm, TextForm
from trioflow._forms.unions import LooseForm, UnionForm
from trioflow._values.structure import fields_of

LARGE = 4000
"""From how many parts on a value is written in slices; 16 characters or bytes count as one."""
SECONDS = 0.005
"""Approximate duration of one slice."""
CHARACTERS = 1 << 18
"""How many characters of a string are written at a time."""
TRIPLES = 3 << 16
"""How many bytes are encoded as Base64 at a time: a multiple of three, for joining."""

LIGHT = frozenset({int, float, bool, type(None)})
"""Types whose values are always one part."""

Slices: TypeAlias = Generator[None, None, None]


def is_large(value: Any) -> bool:
    """Return whether a value is written in slices. Reads no more of it than needed.

    One that cannot be looked through, such as an object without its attributes, is not: what is
    wrong with it is told when it is written.
    """
    try:
        return weight_of(value, LARGE) > LARGE
    except KeyboardInterrupt:
        raise
    except BaseException:  # of user code
        return False


def weight_of(value: Any, limit: int) -> int:
    """Return how many parts a value has; any number above *limit* if it has more."""
    weight = 0
    waiting = [value]
    while waiting and weight <= limit:
        part = waiting.pop()
        weight += 1
        kind = type(part)
        if kind in LIGHT:
            continue
        if kind in (str, bytes, bytearray):
            weight += len(part) // 16
        elif kind in (list, tuple, set, frozenset, deque):
            if len(part) > limit:
                return len(part)
            waiting.extend(part)
        elif kind is dict or isinstance(part, Mapping):
            if len(part) > limit:
                return len(part)
            waiting.extend(part.values())
            weight += len(part)
        else:
            waiting.extend((fields_of(part) or {}).values())
    return weight


def write_slices(form: Form, value: Any, out: list[str]) -> Slices:
    """Write a value to *out*, as strings to join. Each ``yield`` lets other tasks run.

    Raises:
      FaultsError, NotSerializableError: if it cannot be written in slices. `Form.dump` may still
        succeed; otherwise its error has the path.
    """
    yield from _Writer(out).write(form, value, MAX_DEPTH)


class _Writer:
    def __init__(self, out: list[str]) -> None:
        self._out = out
        self._begin()

    def _begin(self) -> None:
        """Begin a slice."""
        self._slice_ends = time.perf_counter() + SECONDS

    def _is_due(self) -> bool:
        return time.perf_counter() >= self._slice_ends

    def _add(self, plain: Plain) -> None:
        self._out.append(_text(plain))

    def write(self, form: Form, value: Any, depth: int) -> Slices:
        """Write one part of the value."""
        if self._is_due():
            yield
            self._begin()
        if not depth:
            raise too_deep()
        if not is_large(value):
            self._add(form.dump(value, depth))
            return
        match form:
            case LooseForm(inner=inner) if inner.is_exact(value):
                yield from self.write(inner, value, depth)
            case UnionForm(only=inner) if inner is not None and value is not None:
                yield from self.write(inner, value, depth)
            case AnyForm():
                yield from self._anything(form, value, depth)
            case ItemsForm(item=item) if form.is_exact(value) and type(value) in (list, tuple):
                yield from self._items(item, value, depth - 1)
            case TupleForm(items=items) | NamedTupleForm(items=items) if form.is_exact(value):
                yield from self._each(items, value, depth - 1)
            case MappingForm() if type(value) is dict and form.default is dict:
                yield from self._mapping(form, value, depth - 1)
            case FieldsForm() if form.is_exact(value) and not form.says_more(value):
                yield from self._fields(form, value, depth - 1)
            case JsonForm() if type(value) is str and form.is_exact(value):
                yield from self._string(value)
            case TextForm() if type(value) is bytes and form.is_exact(value):
                yield from self._bytes(value)
            case _:
                self._add(form.dump(value, depth))

    def _anything(self, form: AnyForm, value: Any, depth: int) -> Slices:
        kind = type(value)
        if kind is list:
            yield from self._items(form, value, depth - 1)
        elif kind is str:
            yield from self._string(value)
        elif kind is dict:
            yield from self._mapping(form.forms.plain_dict, value, depth - 1)
        else:
            named = None if kind in KINDS else form.forms.named(value)
            if named is None:
                self._add(form.dump(value, depth))
                return
            tag, inner = named
            self._out.append(f"{{{_text('$' + tag)}:")
            yield from self.write(inner, value, depth)
            self._out.append("}")

    def _items(self, item: Form, values: Iterable[Any], depth: int) -> Slices:
        """Write a list; small items are written in batches."""
        self._out.append("[")
        batch: list[Plain] = []
        weight, is_first = 0, True
        for value in values:
            added = 1 if type(value) in LIGHT else weight_of(value, LARGE)
            if weight + added > LARGE and batch:
                is_first = self._flush(batch, is_first)
                batch, weight = [], 0
                if self._is_due():
                    yield
                    self._begin()
            if added > LARGE:
                self._separate(is_first)
                is_first = False
                yield from self.write(item, value, depth)
            else:
                batch.append(item.dump(value, depth))
                weight += added
        self._flush(batch, is_first)
        self._out.append("]")

    def _mapping(self, form: MappingForm, value: dict[Any, Any], depth: int) -> Slices:
        """Write a dict; small items are written in batches."""
        self._out.append("{")
        batch: dict[str, Plain] = {}
        known: set[str] = set()
        weight, is_first = 0, True
        for key, item in value.items():
            text = form.key_text(key, depth)
            if text is None or text in known or (len(value) == 1 and text[:1] == "$"):
                raise fault("it is not written as an object with these keys")
            if text is not key:  # strings are unique, being keys of a dict
                known.add(text)
            added = 1 if type(item) in LIGHT else weight_of(item, LARGE)
            if weight + added > LARGE and batch:
                is_first = self._flush(batch, is_first)
                batch, weight = {}, 0
                if self._is_due():
                    yield
                    self._begin()
            if added > LARGE:
                self._separate(is_first)
                is_first = False
                self._out.append(f"{_text(text)}:")
                yield from self.write(form.item, item, depth)
            else:
                batch[text] = form.item.dump(item, depth)
                weight += added
        self._flush(batch, is_first)
        self._out.append("}")

    def _flush(self, batch: Sequence[Plain] | Mapping[str, Plain], is_first: bool) -> bool:
        if not batch:
            return is_first
        self._separate(is_first)
        self._out.append(_text(batch)[1:-1])
        return False

    def _each(self, items: Iterable[Form], values: Iterable[Any], depth: int) -> Slices:
        self._out.append("[")
        for position, (item, value) in enumerate(zip(items, values, strict=True)):
            self._separate(position == 0)
            yield from self.write(item, value, depth)
        self._out.append("]")

    def _fields(self, form: FieldsForm, value: Any, depth: int) -> Slices:
        self._out.append("{")
        for position, (name, item) in enumerate(form.read(value).items()):
            self._separate(position == 0)
            self._out.append(f"{_text(name)}:")
            yield from self.write(form.fields[name], item, depth)
        self._out.append("}")

    def _string(self, value: str) -> Slices:
        self._out.append('"')
        for start in range(0, len(value), CHARACTERS):
            self._out.append(_text(value[start : start + CHARACTERS])[1:-1])
            yield
        self._out.append('"')

    def _bytes(self, value: bytes) -> Slices:
        self._out.append('"')
        for start in range(0, len(value), TRIPLES):
            self._out.append(base64.b64encode(value[start : start + TRIPLES]).decode())
            yield
        self._out.append('"')

    def _separate(self, is_first: bool) -> None:
        if not is_first:
            self._out.append(",")


def _text(plain: Plain) -> str:
    return json.dumps(plain, separators=(",", ":"), allow_nan=False)
