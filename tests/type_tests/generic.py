"""Generic functions as steps: each use finds its own types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, assert_type

from trioflow import Step, Workflow, step
from trioflow.outcomes import Failed, Ok

T = TypeVar("T")
U = TypeVar("U")


@step
async def identity(value: T) -> T:
    return value


@step
async def first(values: list[T]) -> T:
    return values[0]


@step
async def last(values: Sequence[T]) -> T | None:
    return values[-1] if values else None


@step(timeout=1)
async def twice(value: T) -> tuple[T, T]:
    return value, value


@step
async def swapped(pair: tuple[T, U]) -> tuple[U, T]:
    return pair[1], pair[0]


@step
async def by_name(values: list[T]) -> dict[str, T]:
    return {str(value): value for value in values}


@step
def blocking_first(values: list[T]) -> T:
    return values[0]


@step
async def length(text: str) -> int:
    return len(text)


@step
async def words(text: str) -> list[str]:
    return text.split()


@step
async def anything(value: Any) -> str:
    return str(value)


@step
async def an_object(value: object) -> str:
    return str(value)


@step
async def log(value: object) -> None: ...


@step
def blocking_log(values: Sequence[object]) -> None: ...


@step
async def save(row: dict[str, Any]) -> None: ...


@step
async def load(name: str) -> dict[str, Any]:
    return {"name": name}


@step
async def changed(row: dict[str, Any]) -> dict[str, Any]:
    return row


assert_type(log, Step[Any, None])
assert_type(save, Step[dict[str, Any], None])
assert_type(load, Step[str, dict[str, Any]])
assert_type(changed, Step[dict[str, Any], dict[str, Any]])

texts = Workflow("texts", input=str)
lists = texts.then(words)

assert_type(texts.then(identity), Workflow[str, str])
assert_type(lists.then(identity), Workflow[str, list[str]])
assert_type(lists.then(first), Workflow[str, str])
assert_type(lists.then(first).then(length), Workflow[str, int])
assert_type(lists.then(last), Workflow[str, str | None])
assert_type(texts.then(twice), Workflow[str, tuple[str, str]])
assert_type(texts.then(twice).then(swapped), Workflow[str, tuple[str, str]])
assert_type(lists.then(by_name), Workflow[str, dict[str, str]])
assert_type(lists.then(blocking_first), Workflow[str, str])
assert_type(lists.foreach(identity), Workflow[str, list[str]])
assert_type(lists.foreach(twice), Workflow[str, list[tuple[str, str]]])
assert_type(lists.foreach(identity, on_error="collect"), Workflow[str, list[Ok[Any] | Failed]])
assert_type(texts.parallel(identity, length), Workflow[str, Any])
assert_type(texts.dowhile(identity, lambda text: len(text) < 5), Workflow[str, str])
assert_type(texts.wait_for_event("go", identity), Workflow[str, str])
assert_type(lists.then(anything), Workflow[str, str])
assert_type(lists.then(an_object), Workflow[str, str])
assert_type(texts.then(log), Workflow[str, None])
assert_type(lists.then(blocking_log), Workflow[str, None])
assert_type(texts.then(load).then(changed).then(save), Workflow[str, None])

texts.then(first)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
lists.then(first).then(words).then(length)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
lists.then(identity).then(length)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
