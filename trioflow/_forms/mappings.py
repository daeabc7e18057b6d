"""Mappings, and how keys that are not strings are written."""

from __future__ import annotations

import collections
import json
from collections import abc
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

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
from trioflow.wire._shown import shown

if TYPE_CHECKING:
    from trioflow._forms.forms import Forms

DEFAULTS: Mapping[type, type] = {
    dict: dict,
    collections.OrderedDict: collections.OrderedDict,
    collections.Counter: collections.Counter,
    collections.defaultdict: collections.defaultdict,
    MappingProxyType: MappingProxyType,
    abc.Mapping: dict,
    abc.MutableMapping: dict,
}
"""Mapping types, and for each the class that needs no tag."""
CLASSES: Mapping[str, type] = {
    cls.__name__: cls
    for cls in (
        dict,
        collections.OrderedDict,
        collections.Counter,
        collections.defaultdict,
        MappingProxyType,
    )
}
EMPTY = {cls.__name__: cls for cls in (int, float, str, bool, list, dict, set, tuple)}
"""Default factories of a defaultdict that can be read back."""


class MappingForm(Form):
    """A mapping with one type for keys and one for values."""

    kinds = frozenset({"object"})

    def __init__(self, type_: Any, origin: Any, key: Form, item: Form, forms: Forms) -> None:
        self.name = type_name(type_)
        self._origin, self._key, self.item, self._forms = origin, key, item, forms
        self.default = DEFAULTS[origin]
        self._as_json = "str" not in key.kinds
        """Whether keys are written as JSON strings, because the key type has no strings."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._origin)

    def is_exact(self, value: Any) -> bool:
        return type(value) is self.default

    # ------------------------------------------------------------ writing
    def dump(self, value: Any, depth: int) -> Plain:
        cls = type(value)
        if not isinstance(value, self._origin):
            raise wrong_class(self.name, value)
        if CLASSES.get(cls.__name__) is not cls:
            problem = f"is a {cls.__name__}, which cannot be read back"
            raise NotSerializableError("", problem, "use a dict")
        if not depth:
            raise too_deep()
        plain = self._dump_items(value, depth - 1)
        if cls is collections.defaultdict:
            return tagged("defaultdict", [plain, _factory_name(value.default_factory)])
        return plain if cls is self.default else tagged(cls.__name__, plain)

    def _dump_items(self, value: Mapping[Any, Any], depth: int) -> Plain:
        plain: dict[str, Plain] = {}
        try:
            items = list(value.items())
        except Exception as exc:  # user code, in a subclass
            problem = f"cannot be read ({type(exc).__name__}: {exc})"
            raise NotSerializableError("", problem) from exc
        for key, item in items:
            text = self.key_text(key, depth)
            if text is None:
                return self._dump_pairs(items, depth)
            if text in plain:
                problem = "is written like another key"
                raise NotSerializableError(f" key {shown(key)}", problem, "use another key")
            try:
                plain[text] = self.item.dump(item, depth)
            except (FaultsError, NotSerializableError) as exc:
                raise located(exc, _part(key)) from exc.__cause__
        return plain if tag_of(plain) is None else tagged("dict", plain)

    def key_text(self, key: Any, depth: int) -> str | None:
        """Return a key as an object key; None if that is not possible."""
        try:
            plain = self._key.dump(key, depth)
        except FaultsError as exc:
            raise located(_as_key(exc), f"[{key!r}]") from exc.__cause__
        except NotSerializableError as exc:
            path, problem = f" key {shown(key)}", exc.problem
            raise NotSerializableError(path, problem, "use another key") from exc
        if self._as_json:
            return json.dumps(plain, separators=(",", ":"))
        return plain if type(plain) is str else None

    def _dump_pairs(self, items: list[tuple[Any, Any]], depth: int) -> Plain:
        pairs = []
        for key, item in items:
            try:
                pairs.append([self._key.dump(key, depth), self.item.dump(item, depth)])
            except (FaultsError, NotSerializableError) as exc:
                raise located(exc, _part(key)) from exc.__cause__
        return tagged("pairs", pairs)

    # ------------------------------------------------------------ reading
    def load(self, plain: Plain) -> Any:
        tag = tag_of(plain)
        cls = self.default if tag is None else CLASSES.get(tag)
        if tag in (None, "pairs", "dict"):
            return _made(self.default, self._load_items(plain))
        if cls is None:
            return self._forms.load_named(plain, self._origin)
        if not issubclass(cls, self._origin):
            raise fault(f"expected {self.name}, received {tag}", self.name, str(tag))
        content = content_of(plain)
        if cls is collections.defaultdict:
            items, factory = content
            return collections.defaultdict(EMPTY.get(factory), self._load_items(items))
        return _made(cls, self._load_items(content))

    def _load_items(self, plain: Plain) -> dict[Any, Any]:
        tag = tag_of(plain)
        if tag == "pairs":
            return {self._load_key(key): self._load_item(key, i) for key, i in content_of(plain)}
        if tag == "dict":
            plain = content_of(plain)
        if type(plain) is not dict:
            raise wrong_kind(self.name, plain)
        found = {}
        for text, item in plain.items():
            key = self._load_key(self._parsed(text) if self._as_json else text)
            if key in found:
                raise located(fault("is a duplicate key"), f"[{text!r}]")
            found[key] = self._load_item(text, item)
        return found

    def _parsed(self, text: str) -> Plain:
        try:
            return json.loads(text)
        except ValueError:
            return text  # the form of the keys reports the fault

    def _load_key(self, plain: Plain) -> Any:
        try:
            key = self._key.load(plain)
            hash(key)
        except FaultsError as exc:
            raise located(_as_key(exc), f"[{plain!r}]") from exc.__cause__
        except TypeError as exc:
            raise located(fault(f"cannot be a key ({exc})"), f"[{plain!r}]") from exc
        return key

    def _load_item(self, key: Plain, plain: Plain) -> Any:
        try:
            return self.item.load(plain)
        except FaultsError as exc:
            raise located(exc, _part(key)) from exc.__cause__


def _made(cls: type, items: dict[Any, Any]) -> Any:
    if cls is dict:
        return items
    if cls is collections.defaultdict:  # from a journal of the first format
        return collections.defaultdict(None, items)
    return cls(items)


def _factory_name(factory: Any) -> str | None:
    if factory is None:
        return None
    name = getattr(factory, "__name__", "")
    if EMPTY.get(name) is not factory:
        problem = f"is a defaultdict of {name or repr(factory)}, which cannot be read back"
        raise NotSerializableError("", problem, "use a dict")
    return str(name)


def _as_key(exc: FaultsError) -> FaultsError:
    return FaultsError(
        tuple(attrs.evolve(each, problem=f"as a key, {each.problem}") for each in exc.faults)
    )


def _part(key: Any) -> str:
    return key if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
