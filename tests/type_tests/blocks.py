"""Which arms, bodies and conditions fit: parallel, branch, loops and foreach."""

from __future__ import annotations

from typing import Any, assert_type

from tests.type_tests.models import (
    Capital,
    City,
    Forecast,
    chat,
    describe,
    fetch_forecast,
    locate,
    pack,
    split,
    warm_up,
)
from trioflow import Failed, Ok, RunContext, Workflow, step

cities = Workflow("weather", input=City)
forecasts = cities.then(fetch_forecast)
inner = Workflow("inner", input=Forecast).then(warm_up)
names = Workflow("names", input=str).then(locate)


def warm(forecast: Forecast) -> bool:
    return forecast.high > 20


async def warm_later(forecast: Forecast) -> bool:
    return warm(forecast)


def warm_with_context(forecast: Forecast, ctx: RunContext) -> bool:
    return warm(forecast) and ctx.iteration == 1


def always() -> bool:
    return True


def capital(city: City) -> bool:
    return isinstance(city, Capital)


def not_a_bool(forecast: Forecast) -> str:
    return forecast.city


# ---------------------------------------------------------------- parallel
assert_type(forecasts.parallel(describe, pack, chat, inner, "a.b"), Workflow[City, Any])
assert_type(forecasts.parallel(describe, on_error="finish").then(locate), Workflow[City, City])

forecasts.parallel(fetch_forecast)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
forecasts.parallel(describe, names)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
forecasts.parallel(describe, on_error="stop")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
forecasts.parallel([describe])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]

collected = forecasts.parallel(describe, pack, on_error="collect")
assert_type(collected, Workflow[City, dict[str, Ok[Any] | Failed]])

# ---------------------------------------------------------------- branch
assert_type(
    forecasts.branch(
        (warm, describe),
        (warm_later, pack),
        (warm_with_context, inner),
        (always, "a.b"),
        (lambda forecast: forecast.high < 0, warm_up),
        (lambda forecast, ctx: ctx.iteration == forecast.high, chat),
    ),
    Workflow[City, Any],
)

forecasts.branch((warm, fetch_forecast))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
forecasts.branch((capital, describe))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
forecasts.branch((not_a_bool, describe))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
forecasts.branch((True, describe))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
forecasts.branch(describe)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]

assert_type(
    forecasts.branch((warm, describe), on_error="collect"),
    Workflow[City, dict[str, Ok[Any] | Failed]],
)

# ---------------------------------------------------------------- dowhile, dountil
assert_type(forecasts.dowhile(warm_up, warm), Workflow[City, Forecast])
assert_type(forecasts.dountil(warm_up, warm_later), Workflow[City, Forecast])
assert_type(forecasts.dountil(inner, warm_with_context), Workflow[City, Forecast])
assert_type(forecasts.dowhile("a.b", lambda forecast: forecast.high < 9), Workflow[City, Forecast])
assert_type(
    forecasts.dountil(warm_up, lambda forecast, ctx: forecast.high < 9), Workflow[City, Forecast]
)

forecasts.dowhile(describe, warm)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
forecasts.dountil(fetch_forecast, warm)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
forecasts.dowhile(names, warm)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
forecasts.dountil(warm_up, capital)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
forecasts.dowhile(warm_up, not_a_bool)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# ---------------------------------------------------------------- foreach
places = names.map(lambda city: city.name).then(split)
assert_type(places, Workflow[str, list[City]])
assert_type(places.foreach(fetch_forecast), Workflow[str, list[Forecast]])
assert_type(places.foreach(fetch_forecast, concurrency=8), Workflow[str, list[Forecast]])
assert_type(
    places.foreach(fetch_forecast).foreach(inner, on_error="finish"), Workflow[str, list[Forecast]]
)
assert_type(places.foreach(fetch_forecast).foreach(pack), Workflow[str, list[list[str]]])
pair = names.map(lambda city: (city, city))
tuples = Workflow("tuples", input=tuple[City, ...])
assert_type(tuples.foreach(fetch_forecast), Workflow[tuple[City, ...], list[Forecast]])
assert_type(pair.foreach(fetch_forecast), Workflow[str, list[Forecast]])
assert_type(places.foreach("a.b"), Workflow[str, list[Any]])
assert_type(Workflow("anything").foreach(describe), Workflow[Any, list[str]])

places.foreach(describe)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
places.foreach(names)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
places.foreach(fetch_forecast).then(describe)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
tuples.foreach(describe)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.foreach(fetch_forecast)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
names.foreach(locate)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
places.foreach(fetch_forecast, concurrency="8")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]

# ---------------------------------------------------------------- foreach that collects
outcomes = places.foreach(fetch_forecast, on_error="collect")
assert_type(outcomes, Workflow[str, list[Ok[Forecast] | Failed]])
assert_type(places.foreach("a.b", on_error="collect"), Workflow[str, list[Ok[Any] | Failed]])


@step
async def total(found: list[Ok[Forecast] | Failed]) -> float:
    return sum(each.value.high for each in found if isinstance(each, Ok))


@step
async def first_error(found: list[Ok[Forecast] | Failed]) -> str:
    for each in found:
        match each:
            case Ok(forecast):
                assert_type(forecast, Forecast)
            case Failed(error, attempts, address):
                assert_type(error, BaseException)
                assert_type(attempts, int)
                return address
    return ""


assert_type(outcomes.then(total), Workflow[str, float])
assert_type(outcomes.then(first_error), Workflow[str, str])

outcomes.then(describe)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
outcomes.foreach(fetch_forecast)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
places.foreach(describe, on_error="collect")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
