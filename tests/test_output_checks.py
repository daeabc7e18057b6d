"""A step whose output is not of its declared type is told so at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NewType, Protocol, TypedDict, runtime_checkable

import pytest
from attrs import frozen

from trioflow import Retry, RunResult, StepContext, Workflow, open_engine, step, tool
from trioflow.errors import InvalidValueError
from trioflow.stores import MemoryStore

UserId = NewType("UserId", int)


@frozen
class City:
    name: str


@frozen
class Capital(City):
    country: str = ""


class Conf(TypedDict):
    a: int


@runtime_checkable
class Named(Protocol):
    name: str


def gives(type_: Any, value: Any, **options: Any) -> Any:
    @step(id="gives", output=type_, **options)
    async def body() -> Any:
        return value

    return body


def flow(target: Any) -> Workflow[Any, Any]:
    return Workflow("w", input=Any, output=Any).then(target)


async def in_memory(workflow: Workflow[Any, Any]) -> RunResult[Any]:
    return await workflow.create_run().start(None)


async def durably(workflow: Workflow[Any, Any]) -> RunResult[Any]:
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        return await engine.submit(workflow).wait()


WAYS = [in_memory, durably]
each_way = pytest.mark.parametrize("run", WAYS)

CAPITAL = Capital("Oslo", "Norway")


@each_way
@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (int, 1, 1),
        (float, 1, 1.0),
        (City, {"name": "Oslo"}, City("Oslo")),
        (City | None, {"name": "Oslo"}, City("Oslo")),
        (list[int], (1, 2), [1, 2]),
        (City, CAPITAL, CAPITAL),
        (Conf, {"a": 1}, {"a": 1}),
        (Sequence[str], ["a"], ["a"]),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (str | int, "a", "a"),
        (bool | int, True, True),
        (Literal["a", 1], 1, 1),
        (UserId, 1, 1),
        (Named, City("Oslo"), City("Oslo")),
    ],
)
async def test_what_fits_passes(run: Any, type_: Any, value: Any, expected: Any) -> None:
    result = await run(flow(gives(type_, value)))

    assert result.unwrap() == expected
    assert type(result.unwrap()) is type(expected)


@each_way
@pytest.mark.parametrize(
    ("type_", "value", "fault"),
    [
        (int, "1", "value: expected int, received str"),
        (int, True, "value: expected int, received bool"),
        (int, None, "value: expected int, received None"),
        (City, {"nam": "Oslo"}, "name: required key is missing"),
        (City, "Oslo", "value: expected City, received str"),
        (Sequence[str], "Oslo", "value: expected Sequence[str], received str"),
        (Iterable[str], "Oslo", "value: expected Iterable[str], received str"),
        (Literal["a", 1], True, "value: expected one of 'a', 1, received True"),
        (Capital | int, 1.5, "value: expected Capital | int, received float"),
        (None, 1, "value: expected None, received int"),
    ],
)
async def test_what_does_not_fit_fails_the_step(
    run: Any, type_: Any, value: Any, fault: str
) -> None:
    result = await run(flow(gives(type(None) if type_ is None else type_, value)))

    assert result.status == "failed"
    assert isinstance(result.error, InvalidValueError)
    assert (result.error.what, result.error.owner) == ("output", "step 'gives'")
    assert fault in str(result.error)


@pytest.mark.parametrize(
    ("type_", "value", "fault"),
    [
        (list[int], [1, "2"], "[1]: expected int, received str"),
        (dict[str, City], {"a": {"nam": 1}}, "[a].name: required key is missing"),
        (list[City], [City(5)], "[0].name: expected str, received int"),  # type: ignore[arg-type]
        (City, City(5), "name: expected str, received int"),  # type: ignore[arg-type]
    ],
)
async def test_what_is_inside_is_checked_when_it_is_recorded(
    type_: Any, value: Any, fault: str
) -> None:
    workflow = flow(gives(type_, value))

    assert (await in_memory(workflow)).unwrap() is value
    error = (await durably(workflow)).error
    assert isinstance(error, InvalidValueError)
    assert (error.what, error.owner) == ("output", "step 'gives'")
    assert fault.replace("[a]", "['a']") in str(error) or fault in str(error)


async def test_what_is_inside_is_structured_when_it_is_recorded() -> None:
    given = [{"name": "Oslo"}, City("Bergen")]
    result = await durably(flow(gives(list[City], given)))

    assert result.unwrap() == [City("Oslo"), City("Bergen")]
    assert result.steps["gives"].output == [City("Oslo"), City("Bergen")]
    assert given[0] == {"name": "Oslo"}


@each_way
async def test_it_is_not_tried_again(run: Any) -> None:
    result = await run(flow(gives(int, "x", retry=Retry(attempts=3))))

    assert result.steps["gives"].attempts == 1


@each_way
async def test_the_items_of_a_foreach_are_checked(run: Any) -> None:
    @step
    async def item(value: Any) -> list[int]:
        return [value]

    workflow = flow(gives(list[Any], [1, 2])).foreach(item)
    assert (await run(workflow)).unwrap() == [[1], [2]]

    workflow = flow(gives(list[Any], [1, None])).foreach(gives(City, 5).clone("bad"))
    error = (await run(workflow)).error
    assert isinstance(error, InvalidValueError)
    assert error.owner == "step 'bad'"


async def test_what_is_inside_of_an_item_is_structured_or_refused() -> None:
    @step
    async def item(value: Any) -> list[City]:
        return [value]

    workflow = flow(gives(list[Any], [{"name": "Oslo"}])).foreach(item)
    assert (await durably(workflow)).unwrap() == [[City("Oslo")]]

    workflow = flow(gives(list[Any], [5])).foreach(item)
    assert isinstance((await durably(workflow)).error, InvalidValueError)


@each_way
async def test_each_iteration_of_a_loop_is_checked(run: Any) -> None:
    @step
    async def count(value: int) -> int:
        return value + 1 if value < 2 else "three"  # type: ignore[return-value]

    workflow = flow(gives(int, 0)).dountil(count, lambda value: value == 5)
    result = await run(workflow)

    assert isinstance(result.error, InvalidValueError)
    assert result.error.owner == "step 'count'"


@each_way
async def test_a_map_with_an_annotation_is_checked(run: Any) -> None:
    def to_city(name: Any) -> City:
        return name  # type: ignore[no-any-return]

    workflow = flow(gives(Any, {"name": "Oslo"})).map(to_city, id="m")
    assert (await run(workflow)).unwrap() == City("Oslo")

    workflow = flow(gives(Any, 5)).map(to_city, id="m")
    error = (await run(workflow)).error
    assert isinstance(error, InvalidValueError)
    assert error.owner == "map 'm'"


@each_way
async def test_a_tool_is_checked_wherever_it_is_called(run: Any) -> None:
    @tool
    async def look_up(name: Any) -> City:
        return name  # type: ignore[no-any-return]

    @step
    async def calls(name: Any, ctx: StepContext[Any]) -> Any:
        return await ctx.call_tool(look_up, name=name)

    for target in (look_up, calls):
        workflow = flow(gives(Any, {"name": "Oslo"})).then(target)
        assert (await run(workflow)).unwrap() == City("Oslo")
        error = (await run(flow(gives(Any, 5)).then(target))).error
        assert isinstance(error, InvalidValueError)
        assert (error.what, error.owner) == ("output", "tool 'look_up'")


@each_way
async def test_nothing_is_checked_where_the_workflow_says_so(run: Any) -> None:
    start: Workflow[Any, Any] = Workflow("w", input=Any, output=Any, validate=False)
    assert (await run(start.then(gives(int, "x")))).unwrap() == "x"
