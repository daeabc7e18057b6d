"""Classes that only a plugin knows, and that plugin: what check_converter is tried on."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from cattrs import Converter
from hypothesis.strategies import SearchStrategy

from trioflow import hookimpl
from trioflow.errors import Fault, FaultsError
from trioflow.testing import TypeExamples
from trioflow.testing.strategies import TypedValues
from trioflow.validation import as_mapping, faults_of


class Record:
    """Base of classes whose fields are annotations, as libraries make them."""

    def __init__(self, **fields: Any) -> None:
        for name in typing.get_type_hints(type(self)):
            setattr(self, name, fields.get(name, getattr(type(self), name, None)))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self) -> str:
        listing = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({listing})"

    def __replace__(self, **changes: Any) -> Any:
        return type(self)(**vars(self) | changes)


class Point(Record):
    x: int
    y: int = 0


class Pixel(Point):
    pass


class Line(Record):
    start: Point
    end: Point


class Stubborn(Record):
    """A class that does not change."""

    x: int

    def __replace__(self, **changes: Any) -> Any:
        return self


def is_record(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Record)


class Good:
    """Breaks nothing."""

    generated: ClassVar[SearchStrategy[TypedValues] | None] = None
    types: ClassVar[tuple[TypeExamples, ...]] = (
        TypeExamples(
            Point,
            values=[Point(x=1, y=2)],
            passes=[Pixel(x=1)],
            reads=[({"x": 1}, Point(x=1))],
            refuses=[
                ({"x": "1", "y": []}, "x: expected int, received str", "y"),
                (5, "value: expected Point, received int"),
                (None, "value"),
            ],
        ),
        TypeExamples(
            Line,
            reads=[
                ({"start": {"x": 1}, "end": {"x": 2}}, Line(start=Point(x=1), end=Point(x=2))),
                ({"start": {"x": 1}, "end": Point(x=2)}, Line(start=Point(x=1), end=Point(x=2))),
            ],
        ),
    )

    @hookimpl
    def trioflow_converter(self, converter: Converter) -> None:
        self.register(converter)

    def register(self, converter: Converter) -> None:
        def read(value: Any, cls: Any) -> Any:
            return self.read(value, cls, converter)

        converter.register_structure_hook_func(is_record, read)
        converter.register_unstructure_hook_func(is_record, self.write)

    @hookimpl
    def trioflow_schema(self, type_: Any) -> Any:
        return self.describe(type_) if is_record(type_) else None

    def read(self, value: Any, cls: Any, converter: Converter) -> Any:
        if isinstance(value, cls):
            return value
        faults: list[Fault] = []
        given, hints = self.mapping(value, cls), typing.get_type_hints(cls)
        parts = {}
        for name, type_ in hints.items():
            if name in given:
                parts[name] = self.part(given[name], type_, name, faults, converter)
            elif not hasattr(cls, name):
                faults.append(Fault(name, "required key is missing"))
        faults += self.unknown(given.keys() - hints.keys())
        if faults:
            raise FaultsError(tuple(faults))
        return cls(**parts)

    def mapping(self, value: Any, cls: Any) -> Mapping[str, Any]:
        return as_mapping(value, cls)

    def part(
        self, item: Any, type_: Any, name: str, faults: list[Fault], converter: Converter
    ) -> Any:
        try:
            return converter.structure(item, type_)
        except Exception as exc:
            faults += faults_of(exc, name)

    def unknown(self, keys: Iterable[str]) -> Iterable[Fault]:
        return [Fault(f"[{key!r}]", "unknown key") for key in sorted(keys)]

    def write(self, value: Any) -> Any:
        return dict(vars(value))

    def describe(self, cls: Any) -> Any:
        hints = typing.get_type_hints(cls)
        return {
            "title": cls.__name__,
            "type": "object",
            "properties": {name: {"$ref": type_} for name, type_ in hints.items()},
            "required": [name for name in hints if not hasattr(cls, name)],
            "additionalProperties": False,
        }
