"""Lists, tuples, sets and mappings, concrete and abstract."""

from __future__ import annotations

import collections
import functools
import typing
from collections import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trioflow._values.keys import key_hook_of, structure_key
from trioflow._values.scalars import Hook
from trioflow._values.structure import accept, structure_part, wrong_type
from trioflow.errors import Fault, FaultsError

if TYPE_CHECKING:
    from cattrs import Converter

LISTS: Mapping[type, Callable[[Iterable[Any]], Any]] = {
    list: list,
    abc.Sequence: list,
    abc.MutableSequence: list,
    collections.deque: collections.deque,
}
"""Types that a list can be structured into, and how each is made from a list of items."""
SETS: Mapping[type, Callable[[Iterable[Any]], Any]] = {
    set: set,
    frozenset: frozenset,
    abc.Set: frozenset,
    abc.MutableSet: set,
}
MAPPINGS: Mapping[type, Callable[[dict[Any, Any]], Any]] = {
    dict: dict,
    abc.Mapping: dict,
    abc.MutableMapping: dict,
    collections.OrderedDict: collections.OrderedDict,
    collections.Counter: collections.Counter,
    collections.defaultdict: dict,
}
EMPTY = (int, float, str, bool, list, dict, set, frozenset, tuple)
"""Default factories of a defaultdict, by type."""
ITERABLES = (abc.Iterable, abc.Collection, abc.Reversible, abc.Container)


def is_list(cls: Any) -> bool:
    return origin_of(cls) in LISTS


def is_iterable(cls: Any) -> bool:
    return origin_of(cls) in ITERABLES


def is_set(cls: Any) -> bool:
    return origin_of(cls) in SETS


def is_tuple(cls: Any) -> bool:
    return origin_of(cls) is tuple


def is_mapping(cls: Any) -> bool:
    return origin_of(cls) in MAPPINGS


def origin_of(cls: Any) -> Any:
    """Return the class of a parametrized type, or the type itself."""
    return typing.get_origin(cls) or cls


# ---------------------------------------------------------------- lists and sets
def list_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a list-like type; accepts lists, tuples and instances of the type."""
    origin = origin_of(cls)
    structure_items, make = _items_hook(cls, converter), LISTS[origin]

    def structure(value: Any, _: Any) -> Any:
        fits = isinstance(value, origin)
        # A string is a sequence of strings in Python, but not in JSON.
        if not (fits or isinstance(value, list | tuple)) or isinstance(value, str | bytes):
            raise wrong_type(cls, value)
        items = structure_items(value)
        return value if fits and items is value else make(items)

    return structure


def iterable_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for an iterable type.

    Lists, tuples and sets are structured. Other iterables, such as generators, would be used up by
    reading them, so any instance is passed on.
    """
    origin, structure_items = origin_of(cls), _items_hook(cls, converter)

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, origin) or isinstance(value, str | bytes) or _is_object(value):
            raise wrong_type(cls, value)
        if not isinstance(value, list | tuple | set | frozenset):
            return value
        return structure_items(value)

    return structure


def _is_object(value: Any) -> bool:
    """Return whether a value may be an object of JSON, and no collection of its keys."""
    return isinstance(value, dict) and all(type(key) is str for key in value)


def set_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a set; also accepts lists, because JSON has no sets."""
    origin = origin_of(cls)
    structure_items, make = _items_hook(cls, converter), SETS[origin]

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, list | tuple | abc.Set):
            raise wrong_type(cls, value)
        items = structure_items(value)
        if items is value and isinstance(value, origin):
            return value
        return make(items)

    return structure


def _items_hook(cls: Any, converter: Converter) -> Callable[[Any], Any]:
    """Return a function that structures all items, and returns its argument if all fit."""
    arm = (typing.get_args(cls) or (Any,))[0]
    hook = converter.get_structure_hook(arm)
    if hook is accept:
        return lambda values: values

    def structure(values: Any) -> Any:
        if all(type(item) is arm for item in values):  # the usual case (shortcut `usual-items`)
            return values
        faults: list[Fault] = []
        items = [structure_part(item, hook, arm, f"[{i}]", faults) for i, item in enumerate(values)]
        if faults:
            raise FaultsError(tuple(faults))
        return values if _same(items, values) else items

    return structure


def _same(items: Iterable[Any], values: Iterable[Any]) -> bool:
    return all(item is value for item, value in zip(items, values, strict=True))


# ---------------------------------------------------------------- tuples
def tuple_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a tuple, with one type for all items or one per position."""
    arms = typing.get_args(cls)
    if typing.get_origin(cls) is None or arms[-1:] == (...,):
        structure_items: Callable[[Any], Any] = _items_hook(cls, converter)
    else:
        structure_items = positions_hook(arms, len(arms), converter)

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise wrong_type(cls, value)
        items = structure_items(value)
        return value if items is value and isinstance(value, tuple) else tuple(items)

    return structure


def positions_hook(
    arms: Sequence[Any], required: int, converter: Converter
) -> Callable[[Any], Any]:
    """Return a function that structures items by a type per position.

    Args:
      required: Minimum number of items.
    """
    hooks = [(arm, converter.get_structure_hook(arm)) for arm in arms]
    wanted = f"{required}" if required == len(arms) else f"{required} to {len(arms)}"

    def structure(values: Any) -> Any:
        if not required <= len(values) <= len(arms):
            raise FaultsError((Fault("", f"expected {wanted} items, received {len(values)}"),))
        faults: list[Fault] = []
        items = [
            structure_part(item, hook, arm, f"[{i}]", faults)
            for i, (item, (arm, hook)) in enumerate(zip(values, hooks, strict=False))
        ]
        if faults:
            raise FaultsError(tuple(faults))
        return values if _same(items, values) else items

    return structure


# ---------------------------------------------------------------- mappings
def mapping_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a mapping; accepts any mapping."""
    origin, make = origin_of(cls), MAPPINGS[origin_of(cls)]
    arms = typing.get_args(cls) or (Any, Any)
    key_arm, arm = arms[0], int if origin is collections.Counter else arms[-1]
    if origin is collections.defaultdict:
        empty = origin_of(arm)
        # Other classes, including abstract ones, may have no way to create an empty instance.
        make = functools.partial(origin, empty if empty in EMPTY else None)
    key_hook, hook = key_hook_of(key_arm, converter), converter.get_structure_hook(arm)

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise wrong_type(cls, value)
        faults: list[Fault] = []
        items: dict[Any, Any] = {}
        for key, item in value.items():
            made = structure_key(key, key_hook, faults)
            if made in items:
                faults.append(Fault(f"[{key!r}]", "is a duplicate key"))
            items[made] = structure_part(item, hook, arm, f"[{key!r}]", faults)
        if faults:
            raise FaultsError(tuple(faults))
        fits = isinstance(value, origin) and _same(items, value)
        return value if fits and _same(items.values(), value.values()) else make(items)

    return structure
