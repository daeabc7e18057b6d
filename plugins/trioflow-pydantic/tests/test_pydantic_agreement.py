"""What is valid, accepted, written and read back is one set, for all types that are generated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, LiteralString

import pytest
import trioflow_pydantic
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, ConfigDict, Field, RootModel, create_model
from pydantic.dataclasses import dataclass

from trioflow.testing import check_converter
from trioflow.testing.strategies import JSON_KEYS, JSON_SCALARS, Member, TypedValues, json_types

ALIASES: tuple[Mapping[str, Any], ...] = (
    {},
    {"alias": "other-{}"},
    {"validation_alias": "in_{}", "serialization_alias": "out_{}"},
    {"validation_alias": AliasChoices("one_{}", AliasPath("group", "{}"))},
)
CONFIGS: tuple[ConfigDict, ...] = (
    ConfigDict(),
    ConfigDict(extra="ignore", ser_json_bytes="base64", ser_json_timedelta="float"),
    ConfigDict(frozen=True, strict=True, val_json_bytes="hex", validate_by_name=True),
    ConfigDict(extra="forbid", populate_by_name=True, ser_json_bytes="base64"),
)


def _aliases(member: Member) -> dict[str, Any]:
    def named(alias: Any) -> Any:
        if isinstance(alias, AliasChoices):
            return AliasChoices(*map(named, alias.choices))
        if isinstance(alias, AliasPath):
            return AliasPath(*map(named, alias.path))
        return alias.format(member.name)

    return {key: named(alias) for key, alias in ALIASES[member.choice % len(ALIASES)].items()}


def _field(member: Member) -> Any:
    if member.is_required:
        return Field(**_aliases(member))
    return Field(default_factory=lambda: member.default, **_aliases(member))


def _given_as(member: Member) -> str:
    """Return the key of a field in the call of a dataclass."""
    aliases = _aliases(member)
    alias = aliases.get("alias", aliases.get("validation_alias", member.name))
    return str(alias.choices[0] if isinstance(alias, AliasChoices) else alias)


def _instances(make: Any, members: Sequence[Member]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {each.name: each.typed.values for each in members if each.is_required},
        optional={each.name: each.typed.values for each in members if not each.is_required},
    ).map(make)


def model(members: Sequence[Member], choice: int) -> TypedValues:
    """Make a model."""
    fields = {each.name: (each.typed.type, _field(each)) for each in members}
    config = {"arbitrary_types_allowed": True, **CONFIGS[choice % len(CONFIGS)]}
    cls: Any = create_model("Made", __config__=ConfigDict(**config), **fields)  # type: ignore[call-overload,typeddict-item]

    def make(values: Mapping[str, Any]) -> Any:
        return cls.model_construct(**values)

    return TypedValues(cls, _instances(make, members), kinds=("object",))


def root_model(members: Sequence[Member], choice: int) -> TypedValues:
    """Make a root model of the first member."""
    if not members:
        return model(members, choice)
    inner = members[0].typed
    config = ConfigDict(arbitrary_types_allowed=True)
    space = {
        "__annotations__": {"root": inner.type},
        "model_config": config,
        "__module__": __name__,
    }
    cls: Any = type("Made", (RootModel,), space)
    return TypedValues(cls, inner.values.map(cls.model_construct), kinds=inner.kinds)


def data_class(members: Sequence[Member], choice: int) -> TypedValues:
    """Make a dataclass of Pydantic."""
    if any("collections.abc.Iterable[" in repr(each.typed.type) for each in members):
        # Its instances keep an iterator that gives the items once, so they cannot be recorded.
        return model(members, choice)
    hints = {each.name: each.typed.type for each in members}
    defaults = {each.name: _field(each) for each in members if not each.is_required or each.choice}
    config = ConfigDict(arbitrary_types_allowed=True, **CONFIGS[choice % len(CONFIGS)])
    made = type("Made", (), {"__annotations__": hints, **defaults})
    cls: Any = dataclass(config=config, kw_only=True)(made)

    def make(values: Mapping[str, Any]) -> Any:
        keys = {each.name: _given_as(each) for each in members}
        return cls(**{keys[name]: value for name, value in values.items()})

    return TypedValues(cls, _instances(make, members), kinds=("object",))


ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=-3, minutes=-30))])
THEIRS = [
    TypedValues(bytes, st.text(max_size=3).map(str.encode), kinds=("string",)),
    TypedValues(datetime, st.datetimes(timezones=ZONES), kinds=("string",)),
    TypedValues(Decimal, st.decimals(allow_nan=False, allow_infinity=False), kinds=("string",)),
]
"""Types of which Pydantic writes fewer values than trioflow."""
KNOWN = {LiteralString, *(each.type for each in THEIRS)}
SCALARS = [*THEIRS, *(each for each in JSON_SCALARS if each.type not in KNOWN)]


def in_model(typed: TypedValues) -> TypedValues:
    """Return a model with a field of the type."""
    return model([Member("only", typed)], 0)


TYPES = json_types(SCALARS, classes=(model, root_model, data_class)).map(in_model)


def test_schemas_input_and_written_values_agree() -> None:
    check_converter(trioflow_pydantic, generated=TYPES, examples=20)


def or_none(key: TypedValues) -> TypedValues:
    return TypedValues(key.type | None, st.none() | key.values, kinds=key.kinds)


CLASSES = [
    each
    for each in JSON_KEYS
    if isinstance(each.type, type)
    and (issubclass(each.type, Enum) or not issubclass(each.type, str))
]
"""Classes of keys beside which None can be told: any string would fit str."""


@pytest.mark.parametrize(
    "key", [*JSON_KEYS, *map(or_none, CLASSES)], ids=lambda each: str(each.type)
)
def test_the_strings_of_keys_are_described(key: TypedValues) -> None:
    """Of classes that Pydantic does not know, too."""
    keyed = TypedValues(
        Counter[key.type],  # type: ignore[name-defined]
        st.dictionaries(key.values, st.integers(), max_size=2).map(Counter),
        kinds=("object",),
    )

    check_converter(trioflow_pydantic, generated=st.just(in_model(keyed)), examples=10)


@pytest.mark.slow
def test_schemas_input_and_written_values_agree_on_many_types() -> None:
    check_converter(trioflow_pydantic, generated=TYPES, examples=2000)
