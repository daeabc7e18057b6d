"""Tools: what a declaration makes of a function, and what it refuses."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import attrs
import pytest
import trio
from attrs import frozen

from trioflow import Retry, StepContext, Tool, Workflow, open_engine, tool
from trioflow.errors import DefinitionError, InvalidValueError, UnknownNameError


@frozen
class City:
    name: str


@tool
async def forecast(city: City, days: int = 3, *, ctx: StepContext) -> str:
    """Say how the weather will be.

    Or might be.
    """
    return city.name * days


@tool
async def words(text: str) -> AsyncIterator[str]:
    for word in text.split():
        yield word


def refusal(fn: Any = forecast.fn, **options: Any) -> str:
    with pytest.raises(DefinitionError) as caught:
        tool(**options)(fn)
    return str(caught.value)


class TestDeclaration:
    def test_id_parameters_and_types_come_from_the_function(self) -> None:
        assert (forecast.id, forecast.output) == ("forecast", str)
        assert forecast.description == "Say how the weather will be."
        assert [(p.name, p.type, p.required) for p in forecast.parameters] == [
            ("city", City, True),
            ("days", int, False),
        ]
        assert not forecast.streaming
        assert (forecast.combine, forecast.retry, forecast.timeout) == (None, None, None)
        assert (forecast.runner, forecast.limit, forecast.metadata) == (None, None, {})

    def test_options_win(self) -> None:
        retries = Retry(attempts=2)
        metadata = {"owner": "me"}

        @tool(
            id="net.get",
            description="Another.",
            output=dict,
            retry=retries,
            timeout=5,
            runner="thread",
            limit="api",
            metadata=metadata,
        )
        def get(url: str) -> str:
            """Get it."""
            return url

        metadata["owner"] = "you"

        assert (get.id, get.description, get.output) == ("net.get", "Another.", dict)
        assert (get.retry, get.timeout) == (retries, 5)
        assert (get.runner, get.limit, get.metadata) == ("thread", "api", {"owner": "me"})

    def test_the_input_of_a_node_is_its_only_parameter(self) -> None:
        @tool
        async def nothing() -> None: ...

        assert words.input is str
        assert forecast.input is Any
        assert nothing.input is Any

    def test_an_async_generator_streams_the_list_of_its_pieces(self) -> None:
        @tool
        async def numbers() -> AsyncGenerator[int, None]:
            yield 1

        @tool
        async def anything():  # type: ignore[no-untyped-def]
            yield 1

        assert words.streaming
        assert words.output == list[str]
        assert numbers.output == list[int]
        assert anything.output is list

    def test_combined_pieces_can_be_anything(self) -> None:
        joined = tool(combine=" ".join)(words.fn)
        typed = tool(combine=" ".join, output=str)(words.fn)

        assert joined.output is Any
        assert joined.combine is not None
        assert joined.combine(["a", "b"]) == "a b"
        assert typed.output is str

    def test_types_that_are_local_to_a_function_are_found(self) -> None:
        @frozen
        class Local:
            x: int

        @tool
        async def bare(value: Local) -> Local:
            return value

        @tool(id="other")
        async def with_options(value: Local) -> Local:
            return value

        for each in (bare, with_options):
            assert (each.parameters[0].type, each.output) == (Local, Local)

    def test_a_tool_can_be_called_like_its_function(self) -> None:
        async def call() -> list[str]:
            return [word async for word in words("a b")]

        assert trio.run(call) == ["a", "b"]

    def test_a_tool_is_frozen_and_itself(self) -> None:
        other: Any = forecast.clone("forecast")

        assert other != forecast
        assert repr(other) == "<Tool 'forecast'>"
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            other.id = "x"

    def test_a_clone_is_the_same_under_another_id(self) -> None:
        clone = words.clone("again")

        assert (clone.id, clone.fn, clone.output) == ("again", words.fn, list[str])
        with pytest.raises(DefinitionError, match="clone of tool 'words': id 'a/b' contains /"):
            words.clone("a/b")


class TestRefusals:
    @pytest.mark.parametrize("id", ["", " a", "a/b", 5])
    def test_bad_ids(self, id: Any) -> None:
        assert f"tool {id!r}: " in refusal(id=id)

    def test_a_lambda_needs_an_id(self) -> None:
        assert refusal(lambda value: value) == (
            "tool without id: a lambda has no name; give it an id"
        )
        assert tool(id="same")(lambda value: value).id == "same"

    def test_options_of_the_wrong_type(self) -> None:
        assert "timeout is -1" in refusal(timeout=-1)
        assert "retry is 3" in refusal(retry=3)
        assert "runner is 5" in refusal(runner=5)
        assert "limit is 5" in refusal(limit=5)
        assert "metadata is [1]" in refusal(metadata=[1])
        with pytest.raises(TypeError, match="colect"):
            tool(colect="".join)(words.fn)  # type: ignore[call-overload]

    def test_combining_what_is_not_yielded(self) -> None:
        assert refusal(combine="".join) == (
            "tool 'forecast': only a streaming tool has pieces to combine; "
            "yield them, or drop combine"
        )

    @pytest.mark.parametrize("combine", ["", ", "])
    def test_combining_with_what_is_no_function(self, combine: Any) -> None:
        assert f"combine is {combine!r}; give it a plain function" in refusal(
            words.fn, combine=combine
        )

    def test_combining_with_an_async_function(self) -> None:
        async def gather(pieces: list[str]) -> str:
            return " ".join(pieces)

        assert "give it a plain function of the list of pieces" in refusal(words.fn, combine=gather)

    def test_streaming_from_elsewhere(self) -> None:
        assert refusal(words.fn, runner="thread") == (
            "tool 'words': a streaming tool cannot run in runner 'thread'; leave the runner out"
        )
        assert tool(runner="inline")(words.fn).streaming

    def test_parameters_that_have_no_name_to_a_caller(self) -> None:
        def positional(text: str, /) -> str:
            return text

        def variable(*texts: str) -> str:
            return "".join(texts)

        assert "its positional-only parameter 'text' cannot be passed" in refusal(positional)
        assert "its variadic positional parameter 'texts'" in refusal(variable)

    def test_a_generator_that_is_not_async(self) -> None:
        def pieces() -> Iterator[int]:
            yield 1

        assert "a generator but not async; return a list, or make it async" in refusal(pieces)


class TestAsNodes:
    async def test_one_parameter_takes_the_value_itself(self) -> None:
        assert await Workflow("w").then(words).run("a b") == ["a", "b"]

    async def test_several_parameters_take_its_keys_or_fields(self) -> None:
        @frozen
        class Question:
            city: City
            days: int

        workflow = Workflow("w").then(forecast)

        assert await workflow.run({"city": {"name": "Oslo"}}) == "OsloOsloOslo"
        assert await workflow.run(Question(City("Rome"), 1)) == "Rome"

    async def test_what_does_not_fit_is_said_of_the_argument(self) -> None:
        result = await Workflow("w").then(forecast).create_run().start({"city": {}, "day": 1})

        assert isinstance(result.error, InvalidValueError)
        assert (
            str(result.error) == "arguments of tool 'forecast' are invalid: day: unknown argument"
        )

    async def test_no_parameter_ignores_the_value(self) -> None:
        @tool
        async def constant() -> int:
            return 1

        assert await Workflow("w").then(constant).run({"a": 1}) == 1


class TestWhatIsFoundBeforeARun:
    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"runner": "thred"}, "tool 'forecast': unknown runner 'thred'; did you mean"),
            ({"runner": "thread"}, "tool 'forecast': an async def cannot run in a thread"),
            ({"limit": "gpu"}, "tool 'forecast': unknown limit 'gpu'"),
        ],
    )
    async def test_when_it_is_a_node_and_when_an_engine_has_it(
        self, options: Any, problem: str
    ) -> None:
        broken: Tool[..., Any] = tool(**options)(forecast.fn)

        with pytest.raises((UnknownNameError, DefinitionError)) as caught:
            Workflow("w").then(broken).create_run()
        assert str(caught.value).startswith(problem)

        with pytest.raises((UnknownNameError, DefinitionError)) as caught:
            async with open_engine(plugins=(), tools=[broken]):
                raise AssertionError("a tool that cannot work was accepted")
        assert str(caught.value).startswith(problem)

    def test_a_parameter_of_an_impossible_type(self) -> None:
        def ask(question: str) -> str:
            return question

        ask.__annotations__["question"] = "inspect"

        broken = tool(ask)

        with pytest.raises(DefinitionError, match="tool 'ask': its argument 'question' cannot be"):
            Workflow("w").then(broken).create_run()
        assert inspect.ismodule(broken.parameters[0].type)
