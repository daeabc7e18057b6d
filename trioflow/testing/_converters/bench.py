"""Where hooks are tried: what the checks need, and how they say what is wrong."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from trioflow._host.plugins import PluginHost
from trioflow._values.structure import faults_of, type_name
from trioflow.describe._schema import describe_type
from trioflow.errors import Fault, NotSerializableError
from trioflow.testing._converters.examples import TypeExamples
from trioflow.testing._converters.schemas import Judge, Verdict
from trioflow.testing._converters.values import alike, is_json, shortened
from trioflow.testing._converters.variants import Variant, variants
from trioflow.wire._converter import make_wire_converter
from trioflow.wire._values import to_json

if TYPE_CHECKING:
    from cattrs import Converter


@attrs.define(eq=False)
class ConverterContractError(AssertionError):
    """Raised when a plugin does not read, write or describe its types as promised."""

    promise: str
    """What it should do."""
    problem: str
    """What it does."""

    def __str__(self) -> str:
        return f"{self.promise}: {self.problem}"


@attrs.frozen
class Promise:
    """Something that the hooks for types promise."""

    text: str
    check: Callable[[Bench], None]
    """Raises AssertionError if it does not hold."""


@attrs.frozen
class Taken:
    """What is given was structured."""

    value: Any


@attrs.frozen
class Refused:
    """What is given does not fit."""

    faults: tuple[Fault, ...]

    @property
    def paths(self) -> set[str]:
        """Where the faults are."""
        return {fault.path for fault in self.faults}

    def __str__(self) -> str:
        return shortened("; ".join(map(str, self.faults)))


@attrs.frozen
class Trial:
    """JSON that was given for a type, and what came of it."""

    type: Any
    json: Any
    variant: Variant | None
    """How it differs from what fits, if it was made from that."""
    outcome: Taken | Refused
    written: Any
    """What was written of the value, if one was made."""
    verdict: Verdict | None
    """What the schema says, if the plugin describes types."""
    forms: frozenset[str]
    """The strings, given and written, that must look like something no schema can say."""

    def __str__(self) -> str:
        return f"{shortened(self.json)} for {type_name(self.type)}"


@attrs.define(eq=False)
class Bench:
    """A plugin that is tried, and the values that it is tried with."""

    plugin: Any
    """None for the types that trioflow knows itself."""
    types: Sequence[TypeExamples]
    examples: int
    """How many values of each strategy are tried."""
    host: PluginHost = attrs.field(init=False)
    converter: Converter = attrs.field(init=False)
    other: Converter = attrs.field(init=False)
    """The converter of another engine, which must read what the first one has written."""
    drawn: dict[tuple[int, str], Any] = attrs.field(factory=dict, init=False)
    """What was generated for a type, by the id of its examples and what it is."""
    _judges: dict[int, tuple[Any, Judge]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.host = PluginHost(self.plugins)
        if self.plugin is not None and not self.host.implements("trioflow_converter"):
            raise TypeError(f"{self.plugin!r} has no hook trioflow_converter")
        self.converter, self.other = self._new_converter(), self._new_converter()

    @property
    def plugins(self) -> list[Any]:
        """The plugins of an engine to try."""
        return [] if self.plugin is None else [self.plugin]

    @property
    def describes(self) -> bool:
        """Whether there are schemas to check."""
        return self.plugin is None or self.host.implements("trioflow_schema")

    def _new_converter(self) -> Converter:
        converter = make_wire_converter()
        self.host.extend_converter(converter)
        return converter

    # ------------------------------------------------------------ reading and writing
    def read(self, type_: Any, given: Any, converter: Converter | None = None) -> Taken | Refused:
        """Structure what is given, as an engine does."""
        try:
            return Taken((converter or self.converter).structure(given, type_))
        except Exception as exc:
            return Refused(tuple(faults_of(exc)))

    def take(self, type_: Any, given: Any, converter: Converter | None = None) -> Any:
        """Structure what must fit."""
        outcome = self.read(type_, given, converter)
        if isinstance(outcome, Taken):
            return outcome.value
        raise AssertionError(f"{shortened(given)} is refused for {type_name(type_)}: {outcome}")

    def write(self, value: Any) -> Any:
        """Return a value as JSON text carries it."""
        written = to_json(value, "", self.converter)
        assert is_json(written), f"{value!r} is written as {written!r}"
        return json.loads(json.dumps(written, allow_nan=False))

    def can_write(self, value: Any) -> bool:
        """Tell whether a value has a JSON form."""
        try:
            self.write(value)
        except NotSerializableError:
            return False
        return True

    # ------------------------------------------------------------ schemas
    def schema(self, type_: Any) -> dict[str, Any]:
        """Return the JSON Schema of a type."""
        return describe_type(type_, self.host.schema)

    def verdict(self, type_: Any, json: Any) -> Verdict | None:
        """Return what the schema of a type says of JSON; None if the plugin has no schemas."""
        if not self.describes:
            return None
        if id(type_) not in self._judges:  # with the type, so that no other gets its id
            self._judges[id(type_)] = type_, Judge(self.schema(type_))
        return self._judges[id(type_)][1](json)

    # ------------------------------------------------------------ trials
    def try_json(self, type_: Any, json: Any, variant: Variant | None = None) -> Trial:
        """Give JSON for a type."""
        outcome, verdict = self.read(type_, json), self.verdict(type_, json)
        forms = frozenset() if verdict is None else verdict.forms
        if isinstance(outcome, Refused):
            return Trial(type_, json, variant, outcome, None, verdict, forms)
        written = self.write(outcome.value)
        other = self.verdict(type_, written)
        forms |= frozenset() if other is None else other.forms
        return Trial(type_, json, variant, outcome, written, verdict, forms)

    @functools.cached_property
    def trials(self) -> list[Trial]:
        """What comes of all variants of the example values."""
        return [
            self.try_json(each.type, variant.json, variant)
            for each in self.types
            if not each.opaque
            for value in each.fitting()
            for variant in variants(self.write(value))
        ]


def expect(found: Any, wanted: Any, what: str) -> None:
    """Check that what was found is what should be, and of the same type."""
    if not alike(found, wanted):
        raise AssertionError(f"{what} is {shortened(found)} instead of {shortened(wanted)}")


def expect_same(found: Any, wanted: Any, what: str) -> None:
    """Check that what was found is the very object."""
    if found is not wanted:
        difference = "an equal copy" if alike(found, wanted) else shortened(found)
        raise AssertionError(f"{what} is {difference} instead of {shortened(wanted)} itself")
