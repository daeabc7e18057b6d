"""Types that are not classes, as values: unions, Literal, Annotated, NewType, aliases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NewType, Optional, TypeAlias, TypedDict, assert_type

from attrs import frozen

from trioflow import StepContext, Workflow, step


@frozen
class City:
    name: str


class Keys(TypedDict):
    size: int


Metres = NewType("Metres", int)
Number: TypeAlias = int | float


@step
async def show(value: int | None) -> str:
    return str(value)


@step
async def length(text: str) -> int:
    return len(text)


@step
async def measure(height: Metres) -> float:
    return float(height)


optional = Workflow("optional", input=int | None)
assert_type(optional, Workflow[int | None, int | None])
assert_type(optional.then(show), Workflow[int | None, str])
assert_type(Workflow("w", input=Optional[int]).then(show), Workflow[int | None, str])  # noqa: UP045
assert_type(Workflow("w", input=Number), Workflow[int | float, int | float])
assert_type(Workflow("w", input=Literal["a", "b"]), Workflow[Literal["a", "b"], Literal["a", "b"]])
assert_type(Workflow("w", input=Annotated[str, "a name"]).then(length), Workflow[str, int])
assert_type(Workflow("w", input=Metres).then(measure), Workflow[Metres, float])
assert_type(Workflow("w", input=list[City | None]), Workflow[list[City | None], list[City | None]])
assert_type(Workflow("w", input=Keys), Workflow[Keys, Keys])
assert_type(Workflow("w", input=None), Workflow[None, None])
assert_type(Workflow("w", input=Any), Workflow[Any, Any])
assert_type(Workflow("w", input=Sequence[str]).foreach(length), Workflow[Sequence[str], list[int]])

optional.then(length)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
Workflow("w", input=int).then(measure)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
Workflow("w", input=str).foreach(length)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
Workflow("w", input=Sequence[int]).foreach(length)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]


@step
async def asks(city: City, ctx: StepContext[Any]) -> None:
    assert_type(await ctx.ask("?", int | None), int | None)
    assert_type(await ctx.wait_for("go", Literal["a", "b"]), Literal["a", "b"])
    assert_type(ctx.structure(1, Annotated[int, "how many"]), int)
    assert_type(ctx.structure(1, Metres), Metres)


async def runs() -> None:
    assert_type(await optional.then(show).run(None), str)
    await optional.run("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
