"""What is valid, accepted, written and read back is one set, for all types that are generated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import trioflow_msgspec
from hypothesis import strategies as st
from msgspec import UNSET, Struct, UnsetType, defstruct, field

from trioflow.testing import check_converter
from trioflow.testing.strategies import (
    CLASS_MAKERS,
    JSON_SCALARS,
    Member,
    TypedValues,
    json_types,
)

RENAMED: tuple[Any, ...] = (None, "camel", "kebab")


def struct(members: Sequence[Member], choice: int) -> TypedValues:
    """Make a Struct."""
    is_list = choice == 5
    cls: Any = defstruct(
        "Made",
        [_field(each, is_list=is_list) for each in members],
        rename=RENAMED[choice % 3],
        frozen=bool(choice & 1),
        kw_only=bool(choice & 2),
        tag="made" if choice & 4 else None,
        tag_field="of" if choice & 4 else None,
        array_like=is_list,
        omit_defaults=choice == 2,
        forbid_unknown_fields=choice == 3,
    )
    values = st.fixed_dictionaries(
        {each.name: each.typed.values for each in members if each.is_required},
        optional={each.name: each.typed.values for each in members if not each.is_required},
    )

    def make(given: Mapping[str, Any]) -> Struct:
        made: Struct = cls(**given)
        return made

    return TypedValues(cls, values.map(make), kinds=("array" if is_list else "object",))


def _field(member: Member, *, is_list: bool) -> Any:
    name = f"{member.name}_other" if member.choice & 1 else None
    if member.is_required:
        return member.name, member.typed.type, field(name=name)
    if member.choice & 2 and not is_list:  # a list has no place for what is unset
        return member.name, member.typed.type | UnsetType, field(default=UNSET, name=name)
    return member.name, member.typed.type, field(default_factory=lambda: member.default, name=name)


TYPES = json_types(JSON_SCALARS, classes=(struct, *CLASS_MAKERS[:1]))


def test_schemas_input_and_written_values_agree() -> None:
    check_converter(trioflow_msgspec, generated=TYPES, examples=20)


@pytest.mark.slow
def test_schemas_input_and_written_values_agree_on_many_types() -> None:
    check_converter(trioflow_msgspec, generated=TYPES, examples=2000)
