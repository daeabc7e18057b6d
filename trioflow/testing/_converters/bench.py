"""The bench on which hooks are tested: helpers for the checks, and their error."""

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
    from hypothesis.strategies import SearchStrategy

    from trioflow.testing.strategies._typed import TypedValues


@attrs.define(eq=False)
class ConverterContractError(AssertionError):
    """Raised when a plugin does not read, write or describe its types as required."""

    promise: str
    """What the plugin should do."""
    problem: str
    """What the plugin does instead."""

    def __str__(self) -> str:
        return f"{self.promise}: {self.problem}"


@attrs.frozen
class Promise:
    """One promise of the contract for hooks, and its check."""

    text: str
    check: Callable[[Bench], None]
    """Raises AssertionError if the promise does not hold."""


@attrs.frozen
class Taken:
    """The outcome for input that was structured."""

    value: Any


@attrs.frozen
class Refused:
    """The outcome for input that does not fit."""

    faults: tuple[Fault, ...]

    @property
    def paths(self) -> set[str]:
        """The paths of the faults."""
        return {fault.path for fault in self.faults}

    def __str__(self) -> str:
        return shortened("; ".join(map(str, self.faults)))


@attrs.frozen
class Trial:
    """JSON that was read as a type, and the outcome."""

    type: Any
    json: Any
    variant: Variant | None
    """How it differs from the fitting JSON that it was derived from, if any."""
    outcome: Taken | Refused
    written: Any
    """The structured value, written as JSON; None if it was refused."""
    verdict: Verdict | None
    """The verdict of the schema, if the plugin describes types."""
    forms: frozenset[str]
    """The strings, given and written, whose format a schema cannot fully describe."""

    def __str__(self) -> str:
        return f"{shortened(self.json)} for {type_name(self.type)}"


@attrs.define(eq=False)
class Bench:
    """The plugin under test, and the values that it is tested with."""

    plugin: Any
    """None for the types that trioflow supports itself."""
    types: Sequence[TypeExamples]
    examples: int
    """Number of values to try from each strategy."""
    generated: SearchStrategy[TypedValues] | None = None
    """A strategy of further types, each with a strategy of values."""
    host: PluginHost = attrs.field(init=False)
    converter: Converter = attrs.field(init=False)
    other: Converter = attrs.field(init=False)
    """The converter of another engine, which must read what the first one writes."""
    drawn: dict[tuple[int, str], Any] = attrs.field(factory=dict, init=False)
    """Generated values for a type, by the id of its examples and the kind of values."""
    _judges: dict[int, tuple[Any, Judge]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.host = PluginHost(self.plugins)
        if self.plugin is not None and not self.host.implements("trioflow_converter"):
            raise TypeError(f"{self.plugin!r} has no hook trioflow_converter")
        self.converter, self.other = self._new_converter(), self._new_converter()

    @property
    def plugins(self) -> list[Any]:
        """The plugins of an engine under test."""
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
        """Structure a value, as an engine does."""
        try:
            return Taken((converter or self.converter).structure(given, type_))
        except Exception as exc:
            return Refused(tuple(faults_of(exc)))

    def take(self, type_: Any, given: Any, converter: Converter | None = None) -> Any:
        """Structure a value that must fit."""
        outcome = self.read(type_, given, converter)
        if isinstance(outcome, Taken):
            return outcome.value
        raise AssertionError(f"{shortened(given)} is refused as {type_name(type_)}: {outcome}")

    def write(self, value: Any) -> Any:
        """Return a value after a round trip through a JSON string."""
        written = to_json(value, "", self.converter)
        assert is_json(written), f"{value!r} is written as {written!r}"
        return json.loads(json.dumps(written, allow_nan=False))

    def can_write(self, value: Any) -> bool:
        """Return whether a value has a JSON form."""
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
        """Return the verdict of a type's schema on JSON; None if the plugin has no schemas."""
        if not self.describes:
            return None
        if id(type_) not in self._judges:  # keep the type, so that its id is not reused
            self._judges[id(type_)] = type_, Judge(self.schema(type_))
        return self._judges[id(type_)][1](json)

    # ------------------------------------------------------------ trials
    def try_json(self, type_: Any, json: Any, variant: Variant | None = None) -> Trial:
        """Read JSON as a type, and return the outcome."""
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
        """The outcomes of all variants of the example values."""
        return [
            self.try_json(each.type, variant.json, variant)
            for each in self.types
            if not each.opaque
            for value in each.fitting()
            for variant in variants(self.write(value))
        ]


def expect(found: Any, wanted: Any, what: str) -> None:
    """Check that *found* equals *wanted* and has the same type."""
    if not alike(found, wanted):
        raise AssertionError(f"{what}: expected {shortened(wanted)}, got {shortened(found)}")


def expect_same(found: Any, wanted: Any, what: str) -> None:
    """Check that *found* is the same object as *wanted*."""
    if found is not wanted:
        difference = "an equal copy" if alike(found, wanted) else shortened(found)
        raise AssertionError(f"{what}: expected {shortened(wanted)} itself, got {difference}")
