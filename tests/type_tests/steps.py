"""What `@step` infers from a function, in all its shapes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, assert_type

from tests.type_tests.models import Capital, City, Forecast
from trioflow import Limit, Retry, Step, StepContext, step


# ---------------------------------------------------------------- without parentheses
@step
async def plain(city: City) -> Forecast:
    return Forecast(city.name, 1.0)


@step
async def with_context(city: City, ctx: StepContext) -> Forecast:
    return Forecast(city.name, ctx.attempt)


@step
async def with_typed_context(city: City, ctx: StepContext[Capital]) -> str:
    return ctx.state.country


@step
async def context_first(ctx: StepContext, city: City) -> str:
    return city.name


@step
async def context_only(ctx: StepContext) -> str:
    return ctx.run_id


@step
async def nothing() -> int:
    return 1


@step
async def no_output(city: City) -> None: ...


@step
def blocking(text: str) -> int:
    return len(text)


@step
def blocking_with_context(text: str, ctx: StepContext) -> int:
    return len(text) + ctx.attempt


@step
def blocking_context_first(ctx: StepContext, text: str) -> int:
    return len(text) + ctx.attempt


@step
def blocking_context_only(ctx: StepContext) -> int:
    return ctx.attempt


@step
def blocking_nothing() -> int:
    return 1


assert_type(plain, Step[City, Forecast])
assert_type(with_context, Step[City, Forecast])
assert_type(with_typed_context, Step[City, str])
assert_type(context_first, Step[City, str])
assert_type(context_only, Step[Any, str])
assert_type(nothing, Step[Any, int])
assert_type(no_output, Step[City, None])
assert_type(blocking, Step[str, int])
assert_type(blocking_with_context, Step[str, int])
assert_type(blocking_context_first, Step[str, int])
assert_type(blocking_context_only, Step[Any, int])
assert_type(blocking_nothing, Step[Any, int])


# ---------------------------------------------------------------- with parentheses
@step()
async def empty_parentheses(city: City) -> Forecast:
    return Forecast(city.name, 1.0)


@step(id="plan", retry=Retry(attempts=3, delay=0.1, on=(OSError,)), timeout=5.0)
async def with_options(city: City, ctx: StepContext) -> Forecast:
    return Forecast(city.name, ctx.attempt)


@step(limit="gpu", runner="thread")
def blocking_with_options(text: str) -> int:
    return len(text)


@step(id="first")
async def options_context_first(ctx: StepContext, city: City) -> str:
    return city.name


@step(id="only")
async def options_context_only(ctx: StepContext) -> str:
    return ctx.run_id


@step(id="none")
def options_nothing() -> int:
    return 1


assert_type(empty_parentheses, Step[City, Forecast])
assert_type(with_options, Step[City, Forecast])
assert_type(blocking_with_options, Step[str, int])
assert_type(options_context_first, Step[City, str])
assert_type(options_context_only, Step[Any, str])
assert_type(options_nothing, Step[Any, int])

assert_type(plain.clone("again"), Step[City, Forecast])

# A step that takes a base class and gives a derived one stands in for a narrower demand.
wider: Step[Capital, Forecast] = plain
narrower: Step[City, object] = plain


async def instead(error: BaseException, ctx: StepContext) -> Forecast:
    return Forecast(str(error), ctx.attempt)


@step(fallback=instead, limit=Limit("gpu", 2), timeout=timedelta(minutes=1))
async def with_fallback(city: City) -> Forecast:
    return Forecast(city.name, 1.0)


@step(retry=Retry(3, lambda error, attempt: 2.0, max_delay=timedelta(hours=1), jitter=0.1))
async def with_computed_delay(city: City) -> str:
    return city.name


assert_type(with_fallback, Step[City, Forecast])
assert_type(with_computed_delay, Step[City, str])

# ---------------------------------------------------------------- rejected
too_narrow: Step[object, Forecast] = plain  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
wrong_output: Step[City, Capital] = plain  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


async def two_values(city: City, forecast: Forecast) -> str:
    return city.name


async def wrong_context(city: City, ctx: int) -> str:
    return city.name


step(two_values)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
step(wrong_context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
step(id="two")(two_values)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
step(retry=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
step(timeout="1s")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
step(retrys=Retry(3))  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
step("plan")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
step(fallback=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
step(limit=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
Retry(3, delay="1s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Limit("gpu")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
