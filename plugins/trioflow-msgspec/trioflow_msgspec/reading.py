"""Read Structs strictly: nothing is coerced, and unknown keys are faults.

trioflow's converter reads each field. So all faults are found at once, and a Struct may
contain every type that a step may take, including types of other plugins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import msgspec
from cattrs import Converter
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo

from trioflow.errors import Fault, FaultsError
from trioflow.validation import as_mapping, faults_of, wrong_type
from trioflow_msgspec.fields import fields_of, is_list, keys_of, struct_of, tag_of

Hook: TypeAlias = Callable[[Any, Any], Any]


class Readers:
    """The hooks of one converter, so that a Struct may contain itself."""

    def __init__(self) -> None:
        self._made: dict[Any, Hook | None] = {}

    def reader(self, type_: Any, converter: Converter) -> Hook:
        """Return a hook for a Struct.

        Raises:
          Exception: if the type of a field is not supported.
        """
        if type_ in self._made:  # under construction, but complete before the first value
            return lambda value, _: self._made[type_](value, type_)  # type: ignore[misc]
        self._made[type_] = None
        try:
            fields = fields_of(type_)
            hooks = {each.name: converter.get_structure_hook(each.type) for each in fields}
            self._made[type_] = hook = _Reader(type_, struct_of(type_), fields, hooks)
        finally:
            if self._made[type_] is None:
                del self._made[type_]
        return hook


@attrs.frozen
class _Reader:
    """Reads Structs of one type."""

    type: Any
    cls: type[Struct]
    fields: tuple[FieldInfo, ...]
    hooks: Mapping[str, Hook]
    names: Mapping[str, str] = attrs.field(init=False)
    """The names of the fields by all keys that input may use."""

    @names.default
    def _names(self) -> Mapping[str, str]:
        return {key: each.name for each in self.fields for key in keys_of(each, self.fields)}

    def __call__(self, value: Any, _: Any) -> Any:
        if isinstance(value, self.cls):
            return value
        faults: list[Fault] = []
        given = self._by_name(self._mapping(value), faults)
        parts = {}
        for field in self.fields:
            if field.name in given:
                key, item = given[field.name]
                parts[field.name] = self._part(field, key, item, faults)
            elif field.default is NODEFAULT and field.default_factory is NODEFAULT:
                faults.append(Fault(_path(field.encode_name), "required key is missing"))
        if faults:
            raise FaultsError(tuple(faults))
        return self._make(parts)

    def _mapping(self, value: Any) -> Mapping[str, Any]:
        """Return the items of a value by key."""
        if isinstance(value, Struct):
            return msgspec.structs.asdict(value)
        if not is_list(self.cls):
            return as_mapping(value, self.type)
        if isinstance(value, Mapping | str | bytes):
            raise wrong_type(self.type, value)
        if not isinstance(value, Sequence):
            return as_mapping(value, self.type)
        tag = tag_of(self.cls)
        if tag and not value:
            raise FaultsError((Fault("", f"expected {tag[1]!r} as the first item, received none"),))
        keys = [*([tag[0]] if tag else []), *(field.encode_name for field in self.fields)]
        if len(value) > len(keys):
            problem = f"expected at most {len(keys)} items, received {len(value)}"
            raise FaultsError((Fault("", problem),))
        return dict(zip(keys, value, strict=False))

    def _by_name(self, value: Mapping[str, Any], faults: list[Fault]) -> dict[str, tuple[str, Any]]:
        """Return key and item of each given field, by its name."""
        tag, names = tag_of(self.cls), self.names
        given: dict[str, tuple[str, Any]] = {}
        for key, item in value.items():
            if tag is not None and key == tag[0]:
                self._check_tag(tag, item)
            elif key not in names:
                faults.append(Fault(_path(key), "unknown key"))
            elif names[key] in given:
                faults.append(Fault(_path(key), f"also given as {given[names[key]][0]!r}"))
            else:
                given[names[key]] = key, item
        return given

    def _check_tag(self, tag: tuple[str, str | int], value: Any) -> None:
        key, expected = tag
        if value != expected or type(value) is not type(expected):
            name = self.cls.__name__
            problem = f"expected {name}, whose {key!r} is {expected!r}, received {value!r}"
            # Without a path, so that in a union this arm does not count as the best match.
            raise FaultsError((Fault("", problem),))

    def _part(self, field: FieldInfo, key: str, item: Any, faults: list[Fault]) -> Any:
        try:
            return self.hooks[field.name](item, field.type)
        except Exception as exc:
            faults += faults_of(exc, _path(key))
            return None

    def _make(self, parts: Mapping[str, Any]) -> Any:
        try:
            return self.cls(**parts)
        except (ValueError, TypeError) as exc:  # the errors that msgspec accepts from __post_init__
            raise FaultsError((Fault("", str(exc)),)) from exc


def _path(key: object) -> str:
    return key if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
