"""Types for type checkers: generic functions as steps, and what a foreach runs over.

A generic function, such as ``async def first(values: list[T]) -> T``, has no single input type.
So its `Step` has the type of the function itself, from which each use finds its own types. Such a
function is recognized because it can take and return a class that no other function knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from trioflow.context import StepContext

N = TypeVar("N")
Out = TypeVar("Out")
Fn_co = TypeVar("Fn_co", covariant=True)
Item_co = TypeVar("Item_co", covariant=True)


class GenericInput:
    """The input type of a step with a generic function: it depends on where the step is used."""


class GenericOutput(Generic[Fn_co]):
    """The output type of a step with a generic function of this type."""


class Marker:
    """A class that no function names."""


class OtherMarker:
    """A class that no function names, and that nothing turns a `Marker` into."""


if TYPE_CHECKING:
    BodyOf: TypeAlias = (
        Callable[[N], Out]
        | Callable[[N, StepContext[Any]], Out]
        | Callable[[StepContext[Any], N], Out]
    )
    """A function of ``(value)``, ``(value, ctx)`` or ``(ctx, value)``."""
    Made: TypeAlias = Marker | Iterable[Marker]
    MadeOfList: TypeAlias = Made | Mapping[Any, Marker] | None
    # Not all outputs of all inputs: functions that mention Any fit them as well, and mypy then sees
    # Step[Any, Any]. So those that such functions often have are left out.
    AsyncGeneric = TypeVar(
        "AsyncGeneric",
        bound=BodyOf[Marker, Awaitable[Made]]
        | BodyOf[list[Marker], Awaitable[MadeOfList]]
        | BodyOf[tuple[Marker, ...], Awaitable[Made]]
        | BodyOf[tuple[Marker, Marker], Awaitable[Made]]
        | BodyOf[dict[str, Marker], Awaitable[Marker]]
        | BodyOf[dict[Marker, Marker], Awaitable[Made]],
    )
    PlainGeneric = TypeVar(
        "PlainGeneric",
        bound=BodyOf[Marker, Made]
        | BodyOf[list[Marker], MadeOfList]
        | BodyOf[tuple[Marker, ...], Made]
        | BodyOf[tuple[Marker, Marker], Made]
        | BodyOf[dict[str, Marker], Marker]
        | BodyOf[dict[Marker, Marker], Made],
    )
else:  # only type checkers evaluate annotations
    BodyOf = AsyncGeneric = PlainGeneric = Any


class Items(Protocol[Item_co]):
    """A sequence, but not a string: those only contain strings."""

    def __contains__(self, item: object, /) -> bool: ...
    def __getitem__(self, index: int, /) -> Item_co: ...
    def __iter__(self) -> Iterator[Item_co]: ...
    def __len__(self) -> int: ...
    def __reversed__(self) -> Iterator[Item_co]: ...
