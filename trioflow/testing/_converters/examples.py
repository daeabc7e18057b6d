"""What an author says of a type: values by which the hooks for it are checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Reading: TypeAlias = tuple[Any, Any]
"""What is given, and the value that it is structured into."""
Refusal: TypeAlias = tuple[Any, str, *tuple[str, ...]]
"""What is given, and its faults: each is a path (``"city.name"``, or ``"value"`` for the value
itself) or the whole text of a fault (``"city.name: expected str, received int"``)."""


@attrs.frozen
class TypeExamples:
    """A type, and example values for `check_converter`."""

    type: Any
    """As it stands in an annotation: ``City``, ``Box[int]``, ``list[City]``, ``Cat | Dog``."""
    values: Sequence[Any] = attrs.field(default=(), kw_only=True)
    """Values of the type. They fit as they are, and are equal when they come back from JSON."""
    passes: Sequence[Any] = attrs.field(default=(), kw_only=True)
    """What fits as it is and need not come back: instances of subclasses, or unvalidated ones."""
    reads: Sequence[Reading] = attrs.field(default=(), kw_only=True)
    """What is structured: JSON, which must be valid under the schema, or with instances in it.

    The values that it becomes are values of the type, as above.
    """
    also_reads: Sequence[Reading] = attrs.field(default=(), kw_only=True)
    """JSON that is structured although the schema does not say so, such as aliases of fields."""
    refuses: Sequence[Refusal] = attrs.field(default=(), kw_only=True)
    """What does not fit: JSON, which must be invalid under the schema, or other values."""
    also_refuses: Sequence[Refusal] = attrs.field(default=(), kw_only=True)
    """JSON that does not fit although the schema cannot say so, such as a date in the future."""
    opaque: bool = attrs.field(default=False, kw_only=True)
    """Whether code of the type itself, such as a validator, decides what else fits.

    Then nothing is derived from the values, neither variants that must be refused nor objects
    with the same fields.
    """
    generated: SearchStrategy[Any] | None = attrs.field(default=None, kw_only=True)
    """A Hypothesis strategy of further *values*."""
    generated_json: SearchStrategy[Any] | None = attrs.field(default=None, kw_only=True)
    """A strategy of JSON, whether it fits or not: the schema and the hooks must agree on it."""

    def __attrs_post_init__(self) -> None:
        if self.generated is None and not any(True for _ in self.fitting()):
            raise ValueError(f"no example value of {self.type!r}; give some with values= or reads=")

    def fitting(self) -> Iterator[Any]:
        """Yield the values that come back from JSON: those given, and those that JSON becomes."""
        yield from self.values
        for _, value in self.readings():
            yield value

    def readings(self) -> Iterator[Reading]:
        """Yield all that is structured."""
        yield from self.reads
        yield from self.also_reads

    def refusals(self) -> Iterator[tuple[Any, tuple[str, ...]]]:
        """Yield all that is refused, with its faults."""
        for given, *faults in (*self.refuses, *self.also_refuses):
            yield given, tuple(faults)
