"""Types whose values JSON alone can tell apart, deeply nested, with values of each."""

from __future__ import annotations

import collections
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    Sequence,
)
from collections.abc import Set as AbstractSet
from typing import Annotated, Any

from hypothesis import strategies as st

from trioflow.testing.strategies._classes import CLASS_MAKERS, ClassMaker, made_classes
from trioflow.testing.strategies._json_scalars import (
    ARRAY,
    JSON_KEYS,
    JSON_SCALARS,
    OBJECT,
    Listed,
)
from trioflow.testing.strategies._typed import TypedValues
from trioflow.testing.strategies._types import Box


def _lists(item: TypedValues) -> st.SearchStrategy[list[Any]]:
    return st.lists(item.values, max_size=3)


def _of(origin: Any, *arguments: Any) -> Any:
    """Return a type with type arguments that are known only at run time."""
    return origin[arguments]


Maker = Callable[[TypedValues, TypedValues], TypedValues]
MAKERS: tuple[Maker, ...] = (
    lambda a, b: TypedValues(_of(list, a.type), _lists(a), kinds=ARRAY),
    lambda a, b: TypedValues(_of(Sequence, a.type), _lists(a), kinds=ARRAY),
    lambda a, b: TypedValues(_of(Iterable, a.type), _lists(a), kinds=ARRAY),
    lambda a, b: TypedValues(_of(Collection, a.type), _lists(a), kinds=ARRAY),
    lambda a, b: TypedValues(_of(Listed, a.type), _lists(a), kinds=ARRAY),
    lambda a, b: TypedValues(_of(MutableSequence, a.type), _lists(a), kinds=ARRAY),
    lambda a, b: TypedValues(
        _of(collections.deque, a.type), _lists(a).map(collections.deque), kinds=ARRAY
    ),
    lambda a, b: TypedValues(_of(tuple, a.type, ...), _lists(a).map(tuple), kinds=ARRAY),
    lambda a, b: TypedValues(
        _of(tuple, a.type, b.type), st.tuples(a.values, b.values), kinds=ARRAY
    ),
    lambda a, b: TypedValues(_of(Box, a.type), st.builds(Box, a.values), kinds=OBJECT),
    lambda a, b: TypedValues(Annotated[a.type, "described"], a.values, kinds=a.kinds),
    lambda a, b: (
        a
        if "null" in a.kinds
        else TypedValues(a.type | None, a.values | st.none(), kinds=a.kinds and {*a.kinds, "null"})
    ),
    lambda a, b: (
        a
        if not (a.kinds and b.kinds) or a.kinds & b.kinds
        else TypedValues(a.type | b.type, a.values | b.values, kinds=a.kinds | b.kinds)
    ),
)
SETS: tuple[Any, ...] = (set, frozenset, AbstractSet)
MAPPINGS: tuple[Any, ...] = (dict, Mapping, MutableMapping)


def _set_of(origin: Any, item: TypedValues) -> TypedValues:
    values = st.frozensets(item.values, max_size=3)
    if origin is set:
        values = values.map(set)  # type: ignore[arg-type]
    return TypedValues(_of(origin, item.type), values, kinds=ARRAY)


def _mapping_of(origin: Any, key: TypedValues, item: TypedValues) -> TypedValues:
    values = st.dictionaries(key.values, item.values, max_size=3)
    return TypedValues(_of(origin, key.type, item.type), values, kinds=OBJECT)


def _counter_of(key: TypedValues) -> TypedValues:
    values = st.dictionaries(key.values, st.integers(), max_size=3).map(collections.Counter)
    return TypedValues(_of(collections.Counter, key.type), values, kinds=OBJECT)


def json_types(
    scalars: Sequence[TypedValues] = JSON_SCALARS,
    *,
    classes: Sequence[ClassMaker] = CLASS_MAKERS,
    keys: Sequence[TypedValues] = JSON_KEYS,
    max_leaves: int = 5,
) -> st.SearchStrategy[TypedValues]:
    """Return a strategy for types, each with a strategy for values of it.

    Unlike `typed_values`, their values are read back equal from the JSON that is written of them
    without the help of tags, as events, command lines and web pages need it.

    Args:
      scalars: The types that nested types are made of; add those of your library.
      classes: Functions that make classes with fields of given types; add one that makes classes
        of your library.
      keys: The types of keys of mappings and of items of sets.
      max_leaves: Maximum number of scalars in one type.
    """

    def nested(inner: st.SearchStrategy[TypedValues]) -> st.SearchStrategy[TypedValues]:
        found = [
            st.builds(lambda make, a, b: make(a, b), st.sampled_from(MAKERS), inner, inner),
            st.builds(_set_of, st.sampled_from(SETS), st.sampled_from(keys)),
            st.builds(_counter_of, st.sampled_from(keys)),
            st.builds(_mapping_of, st.sampled_from(MAPPINGS), st.sampled_from(keys), inner),
        ]
        return st.one_of([*found, made_classes(inner, classes)] if classes else found)

    return st.recursive(st.sampled_from(list(scalars)), nested, max_leaves=max_leaves)
