"""What is read from the signatures of users' functions, of whatever kind they are."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated, Any, Optional, TypeVar

import pytest
from attrs import frozen

from trioflow import RunContext, StepContext
from trioflow._signature import (
    Parameter,
    Signature,
    check_takes_one,
    count_positional,
    name_of,
    read_signature,
)
from trioflow.errors import DefinitionError

T = TypeVar("T")


@frozen
class City:
    name: str


def read(fn: Any, refused: Any = inspect.Parameter.KEYWORD_ONLY, **localns: Any) -> Signature:
    return read_signature(fn, "step 'a'", localns, refused)


def refusal(fn: Any, **localns: Any) -> str:
    with pytest.raises(DefinitionError) as caught:
        read(fn, **localns)
    assert caught.value.where == "step 'a'"
    return str(caught.value)


async def fetch(city: City, ctx: StepContext) -> str:
    return city.name


class TestKinds:
    def test_plain_async_and_generator_functions(self) -> None:
        def plain() -> None: ...
        async def pieces() -> AsyncIterator[int]:
            yield 1

        assert read(plain).kind == "blocking"
        assert read(fetch).kind == "async"
        assert read(pieces).kind == "async generator"

    def test_partials_of_each(self) -> None:
        partial = functools.partial(functools.partial(fetch, City("Oslo")))

        assert read(functools.partial(fetch)) == read(fetch)
        assert read(partial) == Signature("async", (), "ctx", "first", str)
        assert name_of(partial) == "fetch"

    def test_objects_with_a_call_method(self) -> None:
        class Fetcher:
            async def __call__(self, city: City) -> str:
                return city.name

        class Blocking:
            def __call__(self, city: City) -> str:
                return city.name

        assert read(Fetcher()) == Signature("async", (Parameter("city", City),), None, "first", str)
        assert read(functools.partial(Fetcher())).kind == "async"
        assert read(Blocking()).kind == "blocking"
        assert name_of(Fetcher()) == "Fetcher"

    def test_bound_static_and_class_methods(self) -> None:
        class Api:
            async def get(self, city: City) -> str:
                return city.name

            @staticmethod
            async def static(city: City) -> str:
                return city.name

            @classmethod
            async def of_class(cls, city: City) -> str:
                return city.name

        expected = Signature("async", (Parameter("city", City),), None, "first", str)
        raw_static = inspect.getattr_static(Api, "static")

        assert read(Api().get) == expected
        assert read(Api.static) == expected
        assert read(Api.of_class) == expected
        assert read(raw_static) == expected
        assert name_of(raw_static) == "static"

    def test_a_plain_wrapper_around_an_async_function_hands_its_coroutine_on(self) -> None:
        def logged(fn: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
            @functools.wraps(fn)
            def wrapper(*args: Any) -> Awaitable[T]:
                return fn(*args)

            return wrapper

        assert read(logged(fetch)) == read(fetch)

    def test_a_cached_function_is_read_through_its_cache(self) -> None:
        @functools.cache
        def area(city: City) -> float:
            return 1.0

        assert read(area) == Signature("blocking", (Parameter("city", City),), None, "first", float)

    def test_a_class_is_refused(self) -> None:
        class Job:
            async def __call__(self) -> None: ...

        assert refusal(City) == (
            "step 'a': a class cannot be a step; write a function that returns City(...)"
        )
        assert refusal(functools.partial(City, "Oslo")) == refusal(City)
        assert refusal(Job) == (
            "step 'a': a class cannot be a step; "
            'decorate a function, or write step(id="Job")(Job())'
        )

    def test_builtins_and_lambdas(self) -> None:
        assert [p.name for p in read(len).parameters] == ["obj"]
        assert read(lambda x: x).parameters == (Parameter("x", Any),)

    def test_a_builtin_without_signature_is_refused(self) -> None:
        assert "its signature is unknown" in refusal(max)

    def test_what_cannot_be_called_is_refused(self) -> None:
        assert "'text' is not a function" in refusal("text")

    def test_a_generator_that_is_not_async_is_refused(self) -> None:
        def pieces() -> Iterator[int]:
            yield 1

        assert "a generator but not async; return a list, or make it async" in refusal(pieces)
        assert "it is a generator but not async" in refusal(functools.partial(pieces))


class TestAnnotations:
    def test_without_annotations_everything_is_any(self) -> None:
        def loose(value, other=1):  # type: ignore[no-untyped-def]
            return value

        signature = read(loose)

        assert signature.parameters == (Parameter("value", Any), Parameter("other", Any, 1))
        assert [p.required for p in signature.parameters] == [True, False]
        assert signature.returns is Any

    def test_extras_of_annotated_are_kept(self) -> None:
        def loud(text: Annotated[str, "upper"]) -> Annotated[str, "lower"]:
            return text

        signature = read(loud)

        assert signature.parameters[0].type == Annotated[str, "upper"]
        assert signature.returns == Annotated[str, "lower"]

    def test_local_types_are_found_in_the_given_names(self) -> None:
        @frozen
        class Local:
            x: int

        def use(value: Local) -> list[Local]:
            return [value]

        signature = read(use, Local=Local)

        assert signature.parameters[0].type is Local
        assert signature.returns == list[Local]

    def test_a_name_that_nobody_knows_is_refused(self) -> None:
        def use(value: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821

        assert refusal(use) == (
            "step 'a': its annotations cannot be evaluated (name 'Nowhere' is not defined); "
            "import or define the types before the function, and not under `if TYPE_CHECKING:`"
        )

    def test_an_annotation_that_is_no_type_is_refused(self) -> None:
        def use(value: 1 + None) -> None: ...  # type: ignore[valid-type]

        assert "its annotations cannot be evaluated" in refusal(use)


class TestContext:
    @pytest.mark.parametrize(
        "annotation",
        [
            StepContext,
            StepContext[City],
            RunContext,
            Optional[StepContext],  # noqa: UP045 - the old spelling is another object
            StepContext[City] | None,
            Annotated[StepContext, "mine"],
        ],
    )
    def test_it_is_found_by_its_annotation(self, annotation: Any) -> None:
        def use(value: int, whatever: Any) -> None: ...

        use.__annotations__["whatever"] = annotation

        signature = read(use)

        assert signature.context == "whatever"
        assert signature.parameters == (Parameter("value", int),)
        assert signature.context_place == "second"

    def test_it_may_be_the_first_parameter(self) -> None:
        def use(ctx: StepContext, value: int) -> None: ...

        signature = read(use)

        assert (signature.context, signature.context_place) == ("ctx", "first")

    def test_anywhere_else_it_is_passed_by_name(self) -> None:
        def behind(value: int, factor: int = 2, ctx: StepContext | None = None) -> None: ...
        def keyword(value: int, *, ctx: StepContext) -> None: ...

        bound: Any = functools.partial(fetch, ctx=None)  # type: ignore[arg-type]

        assert [read(fn).context_place for fn in (behind, keyword, bound)] == ["name"] * 3
        assert [len(read(fn).parameters) for fn in (behind, keyword, bound)] == [2, 1, 1]

    def test_it_may_be_positional_only_where_it_is_passed_by_position(self) -> None:
        def near(value: int, ctx: StepContext, /) -> None: ...
        def far(value: int, factor: int, ctx: StepContext, /) -> None: ...

        assert read(near).context_place == "second"
        assert "its positional-only parameter 'ctx' cannot be passed" in refusal(far)
        with pytest.raises(DefinitionError, match="its positional-only parameter 'value'"):
            read(near, inspect.Parameter.POSITIONAL_ONLY)
        with pytest.raises(DefinitionError, match="its positional-only parameter 'ctx'"):
            read(functools.partial(near, 1), inspect.Parameter.POSITIONAL_ONLY)

    def test_it_is_not_taken_many_times(self) -> None:
        def use(*ctx: StepContext) -> None: ...

        assert "its variadic positional parameter 'ctx' cannot be passed" in refusal(use)

    def test_a_subclass_of_it_is_one(self) -> None:
        class MyContext(StepContext[City]):
            pass

        def use(ctx: MyContext) -> None: ...

        assert read(use, MyContext=MyContext).context == "ctx"

    def test_it_may_have_a_default(self) -> None:
        def use(value: int, ctx: StepContext | None = None) -> None: ...

        assert read(use).context == "ctx"

    def test_it_is_taken_once(self) -> None:
        def use(a: StepContext, b: RunContext) -> None: ...

        assert refusal(use) == "step 'a': 'a' and 'b' are both its context; keep only one"

    def test_other_classes_are_not_it(self) -> None:
        def use(ctx: City) -> None: ...

        assert read(use).context is None


class TestParametersThatCannotBeFilled:
    def test_variable_parameters_are_refused(self) -> None:
        def positional(*values: int) -> None: ...
        def keyword(**values: int) -> None: ...

        assert "its variadic positional parameter 'values' cannot be passed" in refusal(positional)
        assert "its variadic keyword parameter 'values' cannot be passed" in refusal(keyword)

    def test_steps_are_called_by_position(self) -> None:
        def use(value: int, *, factor: int) -> None: ...

        assert "its keyword-only parameter 'factor' cannot be passed" in refusal(use)

    def test_tools_are_called_by_keyword(self) -> None:
        def use(value: int, /) -> None: ...

        with pytest.raises(DefinitionError, match="its positional-only parameter 'value'"):
            read(use, inspect.Parameter.POSITIONAL_ONLY)

    def test_one_with_a_default_is_left_to_it(self) -> None:
        def use(value: int, *, factor: int = 2) -> None: ...

        def scale(value: int, factor: int) -> None: ...

        assert read(use).parameters == (Parameter("value", int),)
        assert read(functools.partial(scale, factor=2)).parameters == (Parameter("value", int),)


class TestSmallFunctions:
    """Conditions and mapping functions of ``(data, ctx)``."""

    @pytest.mark.parametrize(
        ("fn", "count"),
        [
            (lambda: 1, 0),
            (lambda data: 1, 1),
            (lambda data, ctx: 1, 2),
            (lambda data=1: 1, 1),
            (lambda data, factor=2: 1, 1),
            (lambda data=1, ctx=2: 1, 1),
            (lambda *args: 1, 2),
            (lambda data, *rest: 1, 2),
            (lambda data, *, factor=2: 1, 1),
            (functools.partial(lambda data, factor: 1, factor=2), 1),
            (functools.partial(lambda factor, data, ctx: 1, 2), 2),
            (bool, 1),
            (len, 1),
            (str.upper, 1),
            ({}.get, 1),
            (max, 1),
            (City, 1),
        ],
    )
    def test_how_many_arguments_one_takes(self, fn: Any, count: int) -> None:
        assert count_positional(fn, "workflow 'w'") == count

    def test_methods_and_callable_objects(self) -> None:
        class Rule:
            def holds(self, data: Any, ctx: Any) -> bool:
                return True

            def __call__(self, data: Any) -> bool:
                return True

        assert count_positional(Rule().holds, "workflow 'w'") == 2
        assert count_positional(Rule(), "workflow 'w'") == 1

    def test_more_than_two_needed_are_refused(self) -> None:
        def area(width: int, height: int, depth: int) -> int:
            return width * height * depth

        with pytest.raises(DefinitionError) as caught:
            count_positional(area, "workflow 'w'")

        assert str(caught.value) == (
            "workflow 'w': area needs 3 arguments; take (data) or (data, ctx)"
        )

    def test_a_keyword_that_is_needed_is_refused(self) -> None:
        def scale(data: int, *, factor: int) -> int:
            return data * factor

        with pytest.raises(DefinitionError, match="scale needs keyword 'factor'"):
            count_positional(scale, "workflow 'w'")

    def test_generators_are_refused(self) -> None:
        def plain(data: int) -> Iterator[bool]:
            yield True

        async def asynchronous(data: int) -> AsyncIterator[bool]:
            yield True

        for fn in (plain, asynchronous, functools.partial(plain)):
            with pytest.raises(DefinitionError, match="is a generator; return the value"):
                count_positional(fn, "workflow 'w'")


class TestHooks:
    @pytest.mark.parametrize("fn", [lambda result: None, lambda *args: None, print, bool, max])
    def test_one_argument_is_enough(self, fn: Any) -> None:
        check_takes_one(fn, "on_finish", "workflow 'w'")

    @pytest.mark.parametrize(
        ("fn", "problem"),
        [
            (5, "on_finish is 5"),
            (lambda: None, "on_finish cannot be called with one argument (too many"),
            (lambda a, b: None, "on_finish cannot be called with one argument (missing"),
            (lambda a, *, b: None, "on_finish cannot be called with one argument (missing"),
        ],
    )
    def test_anything_else_is_refused(self, fn: Any, problem: str) -> None:
        with pytest.raises(DefinitionError) as caught:
            check_takes_one(fn, "on_finish", "workflow 'w'")

        assert caught.value.problem.startswith(problem)
        assert caught.value.remedy == "give it a function of one argument"


def test_every_callable_has_a_name() -> None:
    def plain() -> None: ...

    assert name_of(plain) == "plain"
    assert name_of(lambda: None) == "<lambda>"
    assert name_of(len) == "len"
    assert name_of(City) == "City"
    assert name_of(5) == "int"
