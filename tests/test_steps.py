"""Steps: what a declaration makes of a function, and what it refuses."""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
import trio
from attrs import frozen

from trioflow import Retry, Step, StepContext, Workflow, step, tool
from trioflow.errors import DefinitionError, UnknownNameError


@frozen
class City:
    name: str


@step
async def fetch(city: City) -> str:
    """Fetch the weather.

    From somewhere.
    """
    return city.name


def refusal(**options: Any) -> str:
    async def body(city: City) -> str:
        return city.name

    with pytest.raises(DefinitionError) as caught:
        step(**options)(body)
    return str(caught.value)


class TestDeclaration:
    def test_id_types_and_description_come_from_the_function(self) -> None:
        assert (fetch.id, fetch.input, fetch.output) == ("fetch", City, str)
        assert fetch.description == "Fetch the weather."
        assert (fetch.resume, fetch.suspend, fetch.state) == (Any, Any, Any)
        assert (fetch.retry, fetch.timeout, fetch.runner, fetch.limit) == (None,) * 4
        assert fetch.metadata == {}

    def test_options_win(self) -> None:
        retries = Retry(attempts=2)

        @step(
            id="weather.fetch",
            description="Another.",
            input=dict,
            output=list,
            resume=int,
            suspend=str,
            state=City,
            retry=retries,
            timeout=5,
            runner="thread",
            limit="api",
            metadata={"owner": "me"},
        )
        def body(city: City) -> str:
            """Fetch the weather."""
            return city.name

        assert body.id == "weather.fetch"
        assert body.description == "Another."
        assert (body.input, body.output) == (dict, list)
        assert (body.resume, body.suspend, body.state) == (int, str, City)
        assert (body.retry, body.timeout) == (retries, 5)
        assert (body.runner, body.limit) == ("thread", "api")
        assert body.metadata == {"owner": "me"}

    def test_an_empty_description_hides_the_docstring(self) -> None:
        @step(description="")
        async def body() -> None:
            """About the code."""

        assert body.description == ""

    def test_without_input_anything_will_do(self) -> None:
        @step
        async def body(ctx: StepContext) -> int:
            return 1

        assert body.input is Any
        assert body.output is int

    def test_a_step_can_be_called_like_its_function(self) -> None:
        assert trio.run(fetch, City("Oslo")) == "Oslo"

    def test_its_text_names_it(self) -> None:
        assert repr(fetch) == "<Step 'fetch'>"

    def test_types_that_are_local_to_a_function_are_found(self) -> None:
        @frozen
        class Local:
            x: int

        @step
        async def bare(value: Local) -> list[Local]:
            return [value]

        @step(id="other")
        async def with_options(value: Local) -> list[Local]:
            return [value]

        for each in (bare, with_options):
            assert (each.input, each.output) == (Local, list[Local])

    def test_metadata_is_the_step_s_own(self) -> None:
        metadata = {"a": 1}
        body = step(metadata=metadata)(fetch.fn)

        metadata["a"] = 2

        assert body.metadata == {"a": 1}

    def test_a_step_is_frozen_and_itself(self) -> None:
        other: Any = fetch.clone("fetch")

        assert other != fetch
        assert len({fetch, other}) == 2
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            other.id = "x"

    def test_a_clone_is_the_same_under_another_id(self) -> None:
        clone = fetch.clone("again")

        assert (clone.id, clone.fn, clone.input) == ("again", fetch.fn, City)
        assert fetch.id == "fetch"
        with pytest.raises(
            DefinitionError, match="clone of step 'fetch': 'a b ' is not a valid id"
        ):
            fetch.clone("a b ")


class TestFunctions:
    """Each kind of callable becomes a step that runs."""

    @staticmethod
    async def run(fn: Any, value: Any, **options: Any) -> Any:
        return await Workflow("w").then(step(id="s", **options)(fn)).run(value)

    async def test_partials(self) -> None:
        async def scale(value: int, factor: int) -> int:
            return value * factor

        assert await self.run(functools.partial(scale, factor=3), 2) == 6
        assert await self.run(functools.partial(scale, 4), 2) == 8

    async def test_callable_objects_and_bound_methods(self) -> None:
        class Scale:
            def __init__(self, factor: int) -> None:
                self.factor = factor

            async def __call__(self, value: int) -> int:
                return value * self.factor

            async def method(self, value: int, ctx: StepContext) -> int:
                return value * self.factor * ctx.attempt

        assert await self.run(Scale(3), 2) == 6
        assert await self.run(Scale(4).method, 2) == 8
        assert step(Scale(3)).id == "Scale"

    async def test_builtins_and_lambdas_run_in_threads(self) -> None:
        assert await self.run(len, [1, 2]) == 2
        assert await self.run(str.upper, "a") == "A"
        assert await self.run(lambda value: value + 1, 1) == 2

    async def test_a_default_is_used_only_for_what_the_step_does_not_give(self) -> None:
        async def scale(value: int, factor: int = 3, *, offset: int = 1) -> int:
            return value * factor + offset

        async def without(value: int = 7) -> int:
            return value

        assert await self.run(scale, 2) == 7
        assert await self.run(without, 1) == 1

    async def test_the_context_may_stand_anywhere(self) -> None:
        async def first(ctx: StepContext, value: int) -> tuple[str, int]:
            return ctx.step_id, value

        async def second(value: int, ctx: StepContext, factor: int = 2) -> tuple[str, int]:
            return ctx.step_id, value * factor

        async def third(
            value: int, factor: int = 2, ctx: StepContext | None = None
        ) -> tuple[str, int]:
            assert ctx is not None
            return ctx.step_id, value * factor

        async def keyword(value: int, *, ctx: StepContext) -> tuple[str, int]:
            return ctx.step_id, value

        def in_a_thread(value: int, *, ctx: StepContext) -> tuple[str, int]:
            return ctx.step_id, value

        async def alone(*, ctx: StepContext) -> tuple[str, int]:
            return ctx.step_id, 1

        for fn in (first, keyword, in_a_thread, alone):
            assert await self.run(fn, 1) == ("s", 1)
        for fn in (second, third):
            assert await self.run(fn, 1) == ("s", 2)

    async def test_no_parameter_at_all(self) -> None:
        async def constant() -> int:
            return 1

        assert await self.run(constant, "ignored") == 1


class TestRefusals:
    @pytest.mark.parametrize(
        "id", ["", " a", "a\n", "a\x1b[0m", "a/b", "a#1", "a[0]", "a~2", "a:b", 5]
    )
    def test_ids_that_addresses_or_terminals_would_misread(self, id: Any) -> None:
        assert f"step {id!r}: " in refusal(id=id)

    def test_what_is_wrong_with_an_id_is_said(self) -> None:
        assert refusal(id="a/[b]") == (
            "step 'a/[b]': id 'a/[b]' contains / [ ]; use none of # / : [ ] ~"
        )
        assert refusal(id="") == "step '': '' is not a valid id; use a string such as 'fetch'"

    @pytest.mark.parametrize("id", ["files.list", "a-b", "étape", "two words", "<x>"])
    def test_other_ids_are_fine(self, id: str) -> None:
        assert fetch.clone(id).id == id

    def test_a_lambda_needs_an_id(self) -> None:
        with pytest.raises(DefinitionError) as caught:
            step(lambda value: value)

        assert str(caught.value) == "step without id: a lambda has no name; give it an id"

    @pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, "5", True])
    def test_timeouts_that_are_no_duration(self, timeout: Any) -> None:
        assert refusal(timeout=timeout) == (
            f"step 'body': timeout is {timeout!r}; give it seconds > 0, a timedelta, or None"
        )

    def test_options_of_the_wrong_type(self) -> None:
        assert "retry is 3; write retry=Retry(attempts=" in refusal(retry=3)
        assert "runner is 5; give it the name of a runner" in refusal(runner=5)
        assert "limit is 5; give it the name of a limit" in refusal(limit=5)
        assert "description is 5; give it a string" in refusal(description=5)
        assert "metadata is [1]; give it a dict" in refusal(metadata=[1])

    def test_options_that_do_not_exist(self) -> None:
        with pytest.raises(TypeError, match="retires"):
            step(retires=3)(fetch.fn)  # type: ignore[call-overload]

    def test_more_than_one_value(self) -> None:
        async def area(width: int, height: int) -> int:
            return width * height

        with pytest.raises(DefinitionError) as caught:
            step(area)  # type: ignore[arg-type]

        assert str(caught.value) == (
            "step 'area': it takes 2 values (width, height); "
            "take one value, and the context annotated as StepContext"
        )

    def test_generators(self) -> None:
        async def pieces() -> AsyncIterator[int]:
            yield 1

        with pytest.raises(DefinitionError, match="make it a @tool, or use"):
            step(pieces)

    def test_what_is_not_a_function(self) -> None:
        for wrong in ("fetch", 5, None):
            with pytest.raises(DefinitionError, match=f"step 'a': {wrong!r} is not a function"):
                step(id="a")(wrong)  # type: ignore[call-overload]

    def test_steps_and_tools_themselves(self) -> None:
        @tool
        async def ask(question: str) -> str:
            return question

        for wrong in (fetch, ask):
            with pytest.raises(DefinitionError, match="cannot be passed"):
                step(id="a")(wrong)


class TestWhatTheRunCreationFinds:
    """Nothing of this waits for the step to be reached."""

    @staticmethod
    def creation_error(body: Step[Any, Any]) -> Exception:
        with pytest.raises((DefinitionError, UnknownNameError)) as caught:
            Workflow("w").sleep(1).then(body).create_run()
        error: Exception = caught.value
        return error

    def test_an_unknown_runner(self) -> None:
        body = step(runner="thred")(fetch.fn)

        assert str(self.creation_error(body)) == (
            "step 'fetch': unknown runner 'thred'; did you mean 'thread'?"
        )

    def test_an_unknown_limit(self) -> None:
        body = step(limit="gpu")(fetch.fn)

        assert str(self.creation_error(body)) == (
            "step 'fetch': unknown limit 'gpu'; known: none; "
            'give it a number with limit=Limit("...", 5) or open_engine(limits={...})'
        )

    def test_an_async_function_in_a_thread(self) -> None:
        body = step(runner="thread")(fetch.fn)

        assert "an async def cannot run in a thread" in str(self.creation_error(body))

    @pytest.mark.parametrize("option", ["input", "resume"])
    def test_types_that_nothing_can_be_structured_into(self, option: str) -> None:
        options: Any = {option: "City"}
        body = step(**options)(fetch.fn)

        assert "cannot be of type City ('City' is not a type); use another type" in str(
            self.creation_error(body)
        )


async def test_the_inline_runner_runs_a_plain_function_in_the_run_s_own_task() -> None:
    @step(runner="inline")
    def body(value: int) -> bool:
        return trio.lowlevel.in_trio_task()

    assert await Workflow("w").then(body).run(1) is True
