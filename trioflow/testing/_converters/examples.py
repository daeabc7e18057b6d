"""Example values of a type, with which its hooks are checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Reading: TypeAlias = tuple[Any, Any]
"""Input, and the value that it is structured into."""
Refusal: TypeAlias = tuple[Any, str, *tuple[str, ...]]
"""Input, and its faults. Each is a path (``"city.name"``, or ``"value"`` for the value itself) or
the whole message of a fault (``"city.name: expected str, received int"``)."""


@attrs.frozen
class TypeExamples:
    """A type, and example values for `check_converter`."""

    type: Any
    """The type as used in an annotation: ``City``, ``Box[int]``, ``list[City]``, ``Cat | Dog``."""
    values: Sequence[Any] = attrs.field(default=(), kw_only=True)
    """Values of the type. They fit unchanged, and are equal after a round trip through JSON."""
    passes: Sequence[Any] = attrs.field(default=(), kw_only=True)
    """Values that fit unchanged but need not survive JSON: subclasses, unvalidated instances."""
    reads: Sequence[Reading] = attrs.field(default=(), kw_only=True)
    """Input that is structured: JSON, valid under the schema, or JSON with instances in it.

    The structured values are also used as *values*.
    """
    also_reads: Sequence[Reading] = attrs.field(default=(), kw_only=True)
    """JSON that is structured although invalid under the schema, such as aliases of fields."""
    refuses: Sequence[Refusal] = attrs.field(default=(), kw_only=True)
    """Input that does not fit: JSON, which must be invalid under the schema, or other values."""
    also_refuses: Sequence[Refusal] = attrs.field(default=(), kw_only=True)
    """JSON that does not fit but is valid under the schema, such as a date in the future."""
    opaque: bool = attrs.field(default=False, kw_only=True)
    """Whether code of the type itself, such as a validator, decides what else fits.

    If so, nothing is derived from the values: neither variants that must be refused, nor objects
    with the same fields.
    """
    generated: SearchStrategy[Any] | None = attrs.field(default=None, kw_only=True)
    """A Hypothesis strategy of further *values*."""
    generated_json: SearchStrategy[Any] | None = attrs.field(default=None, kw_only=True)
    """A strategy of JSON, fitting or not, on which the schema and the hooks must agree."""

    def __attrs_post_init__(self) -> None:
        if self.generated is None and not any(True for _ in self.fitting()):
            raise ValueError(f"no example value of {self.type!r}; pass some as values= or reads=")

    def fitting(self) -> Iterator[Any]:
        """Yield the values that survive JSON: the given ones, and those structured from JSON."""
        yield from self.values
        for _, value in self.readings():
            yield value

    def readings(self) -> Iterator[Reading]:
        """Yield all input that is structured, with the values."""
        yield from self.reads
        yield from self.also_reads

    def refusals(self) -> Iterator[tuple[Any, tuple[str, ...]]]:
        """Yield all input that is refused, with its faults."""
        for given, *faults in (*self.refuses, *self.also_refuses):
            yield given, tuple(faults)
