"""Lists, tuples and sets, concrete and abstract."""

from __future__ import annotations

import collections
import json
from collections import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trioflow._forms.form import (
    Form,
    Plain,
    content_of,
    fault,
    located,
    tag_of,
    tagged,
    too_deep,
    wrong_class,
    wrong_kind,
)
from trioflow._values.structure import type_name
from trioflow.errors import FaultsError, NotSerializableError

if TYPE_CHECKING:
    from trioflow._forms.forms import Forms

DEFAULTS: Mapping[type, type] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.deque: collections.deque,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Set: frozenset,
    abc.MutableSet: set,
    abc.Iterable: list,
    abc.Collection: list,
    abc.Reversible: list,
    abc.Container: list,
}
"""Collection types, and for each the class that needs no tag."""
MAKERS: Mapping[type, Callable[[list[Any]], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.deque: collections.deque,
}
"""How each class is made from a list of its items."""
CLASSES: Mapping[str, type] = {cls.__name__: cls for cls in MAKERS}


class ItemsForm(Form):
    """Any number of items of one type."""

    kinds = frozenset({"list"})

    def __init__(self, type_: Any, origin: Any, item: Form, forms: Forms) -> None:
        self.name = type_name(type_)
        self._origin, self.item, self._forms = origin, item, forms
        self.default = DEFAULTS[origin]

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._origin) and not isinstance(value, str | bytes)

    def is_exact(self, value: Any) -> bool:
        return type(value) is self.default

    def dump(self, value: Any, depth: int) -> Plain:
        cls: type = type(value)
        if cls not in MAKERS or not isinstance(value, self._origin):
            return self._dump_other(value, depth)
        if not depth:
            raise too_deep()
        items = dump_items(self.item, value, depth - 1)
        if isinstance(value, abc.Set):
            items.sort(key=json.dumps)  # in an order that does not depend on hashes
        elif cls is collections.deque:
            return tagged("deque", [items, value.maxlen])
        return items if cls is self.default else tagged(cls.__name__, items)

    def _dump_other(self, value: Any, depth: int) -> Plain:
        if not self.accepts(value):
            raise wrong_class(self.name, value)
        if isinstance(value, abc.Iterator):
            problem = f"is a {type(value).__name__}, which is used up by reading it"
            raise NotSerializableError("", problem, "use a list")
        if self._forms.is_built_in(value) or isinstance(value, tuple):
            return self._forms.dump_named(value, depth)
        problem = f"is a {type(value).__name__}, which cannot be read back"
        raise NotSerializableError("", problem, "use a list, tuple or set")

    def load(self, plain: Plain) -> Any:
        tag = tag_of(plain)
        if tag is None:
            return self._made(self.default, plain)
        cls = CLASSES.get(tag)
        if cls is None:
            return self._forms.load_named(plain, self._origin)
        if not issubclass(cls, self._origin):
            raise fault(f"expected {self.name}, received {tag}", self.name, tag)
        content = content_of(plain)
        if cls is collections.deque:
            return self._deque(content)
        return self._made(cls, content)

    def _made(self, cls: type, plain: Plain) -> Any:
        if type(plain) is not list:
            raise wrong_kind(self.name, plain)
        return MAKERS[cls](load_items(self.item, plain))

    def _deque(self, content: Plain) -> Any:
        if type(content) is not list or len(content) != 2:
            raise wrong_kind(self.name, content)
        items, maxlen = content
        return collections.deque(self._made(list, items), maxlen)


def dump_items(item: Form, values: Iterable[Any], depth: int) -> list[Plain]:
    """Return items as plain JSON types, in their order.

    Raises: as `Form.dump`, with the path of the item.
    """
    dump = item.dump
    plain: list[Plain] = []
    try:
        plain.extend(dump(value, depth) for value in values)
    except (FaultsError, NotSerializableError) as exc:
        raise located(exc, f"[{len(plain)}]") from exc.__cause__
    return plain


def load_items(item: Form, plain: Sequence[Plain]) -> list[Any]:
    """Return the items from plain JSON types.

    Raises: as `Form.load`, with the path of the item.
    """
    items: list[Any] = []
    try:
        items.extend(map(item.load, plain))
    except FaultsError as exc:
        raise located(exc, f"[{len(items)}]") from exc.__cause__
    return items


class TupleForm(Form):
    """A tuple with one type per position."""

    kinds = frozenset({"list"})

    def __init__(self, type_: Any, items: Sequence[Form], forms: Forms) -> None:
        self.name = type_name(type_)
        self.items, self._forms = tuple(items), forms

    def accepts(self, value: Any) -> bool:
        return isinstance(value, tuple)

    def is_exact(self, value: Any) -> bool:
        return type(value) is tuple and len(value) == len(self.items)

    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is not tuple:
            if isinstance(value, tuple):
                return self._forms.dump_named(value, depth)
            raise wrong_class(self.name, value)
        self._check_length(value)
        if not depth:
            raise too_deep()
        return dump_each(self.items, value, depth - 1)

    def load(self, plain: Plain) -> Any:
        if tag_of(plain) is not None:
            return self._forms.load_named(plain, tuple)
        if type(plain) is not list:
            raise wrong_kind(self.name, plain)
        self._check_length(plain)
        return tuple(load_each(self.items, plain))

    def _check_length(self, values: Sequence[Any]) -> None:
        if len(values) != len(self.items):
            raise fault(f"expected {len(self.items)} items, received {len(values)}")


def dump_each(items: Sequence[Form], values: Iterable[Any], depth: int) -> list[Plain]:
    """Return items with one type each as plain JSON types."""
    plain: list[Plain] = []
    try:
        for form, value in zip(items, values, strict=True):
            plain.append(form.dump(value, depth))
    except (FaultsError, NotSerializableError) as exc:
        raise located(exc, f"[{len(plain)}]") from exc.__cause__
    return plain


def load_each(items: Sequence[Form], plain: Iterable[Plain]) -> list[Any]:
    """Return items with one type each from plain JSON types; there may be fewer."""
    values: list[Any] = []
    try:
        for form, each in zip(items, plain, strict=False):
            values.append(form.load(each))
    except FaultsError as exc:
        raise located(exc, f"[{len(values)}]") from exc.__cause__
    return values


class NamedTupleForm(Form):
    """A NamedTuple, by position."""

    kinds = frozenset({"list"})

    def __init__(self, cls: Any, items: Sequence[Form], required: int, forms: Forms) -> None:
        self.name = type_name(cls)
        self._cls, self.items, self._required, self._forms = cls, tuple(items), required, forms

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._cls)

    def is_exact(self, value: Any) -> bool:
        return type(value) is self._cls

    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is not self._cls:
            if isinstance(value, self._cls):
                return self._forms.dump_named(value, depth)
            raise wrong_class(self.name, value)
        if not depth:
            raise too_deep()
        return dump_each(self.items, value, depth - 1)

    def load(self, plain: Plain) -> Any:
        if tag_of(plain) is not None:
            return self._forms.load_named(plain, self._cls)
        if type(plain) is not list:
            raise wrong_kind(self.name, plain)
        if not self._required <= len(plain) <= len(self.items):
            wanted = f"{self._required} to {len(self.items)}"
            raise fault(f"expected {wanted} items, received {len(plain)}", self.name)
        return self._cls(*load_each(self.items, plain))
