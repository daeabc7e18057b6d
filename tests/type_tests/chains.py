"""Which chains fit: then, nested workflows, map, sleep and waits."""

from __future__ import annotations

from datetime import UTC, datetime
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
)
from trioflow import RunContext, Workflow, constant, from_context, from_input, from_step, step

cities = Workflow("weather", input=City, output=str)
assert_type(cities, Workflow[City, City])

# ---------------------------------------------------------------- then
assert_type(cities.then(fetch_forecast), Workflow[City, Forecast])
assert_type(cities.then(fetch_forecast).then(describe), Workflow[City, str])
assert_type(cities.then(fetch_forecast).then(pack), Workflow[City, list[str]])
assert_type(cities.then(fetch_forecast).then(chat), Workflow[City, list[str]])
assert_type(cities.then("files.list"), Workflow[City, Any])
assert_type(cities.then("files.list").then(describe), Workflow[City, str])
assert_type(cities.then(fetch_forecast).clone("again"), Workflow[City, Forecast])

# A derived class is as good as its base.
assert_type(Workflow("w", input=Capital).then(fetch_forecast), Workflow[Capital, Forecast])

cities.then(describe)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.then(fetch_forecast).then(fetch_forecast)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.then(fetch_forecast).then(describe).then(describe)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.then(len)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.then(3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]

# ---------------------------------------------------------------- what a workflow takes
assert_type(Workflow("anything"), Workflow[Any, Any])
assert_type(Workflow("anything").then(describe), Workflow[Any, str])
assert_type(Workflow("list", input=list[int]), Workflow[list[int], list[int]])
Workflow("union", input=int | None).then(describe)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]

Workflow("w", City)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
Workflow("w", inputs=City)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
Workflow("w", retry=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]

# ---------------------------------------------------------------- nested
inner = Workflow("inner", input=City).then(fetch_forecast)
names = Workflow("names", input=str).then(locate)
assert_type(names.then(inner), Workflow[str, Forecast])
assert_type(names.then(inner).then(describe), Workflow[str, str])

names.then(names)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
names.then(inner).then(inner)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]

# A workflow that takes a base class and gives a derived one serves a narrower demand.
serves: Workflow[Capital, object] = inner
too_wide: Workflow[object, Forecast] = inner  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
too_exact: Workflow[City, City] = inner  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


# ---------------------------------------------------------------- map
async def to_name(city: City) -> str:
    return city.name


def high(forecast: Forecast, ctx: RunContext) -> float:
    return forecast.high + len(ctx.run_id)


async def high_later(forecast: Forecast, ctx: RunContext) -> float:
    return high(forecast, ctx)


assert_type(cities.map(lambda city: city.name), Workflow[City, str])
assert_type(cities.map(lambda city, ctx: ctx.run_id + city.name), Workflow[City, str])
assert_type(cities.map(to_name), Workflow[City, str])
assert_type(cities.then(fetch_forecast).map(high), Workflow[City, float])
assert_type(cities.then(fetch_forecast).map(high_later, id="high"), Workflow[City, float])
assert_type(
    cities.then(fetch_forecast).map(
        {
            "high": from_step(fetch_forecast, "high"),
            "name": from_input("name"),
            "tenant": from_context("tenant"),
            "fixed": constant(1),
            "text": "${data.city}",
            "computed": lambda data: data.high,
        }
    ),
    Workflow[City, Any],
)

cities.map(high)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.map(to_name).then(describe)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.map(lambda city: city.population)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownLambdaType, reportUnknownMemberType]
cities.map(lambda city: city.name).then(describe)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.map({"fixed": 1})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType, reportCallIssue]


# ---------------------------------------------------------------- sleep
def degrees(forecast: Forecast) -> float:
    return forecast.high


def tomorrow(city: City) -> datetime:
    return datetime.now(UTC)


assert_type(cities.sleep(1.5), Workflow[City, City])
assert_type(cities.sleep_until(datetime.now(UTC)), Workflow[City, City])
assert_type(cities.then(fetch_forecast).sleep(degrees), Workflow[City, Forecast])
assert_type(cities.sleep_until(tomorrow), Workflow[City, City])

cities.sleep("1s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
cities.sleep(degrees)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
cities.sleep_until(3.0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
cities.then(fetch_forecast).sleep_until(tomorrow)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# ---------------------------------------------------------------- wait_for_event
@step
async def approved(city: City) -> bool:
    return bool(city.name)


assert_type(cities.wait_for_event("approval", approved), Workflow[City, bool])
assert_type(cities.wait_for_event("approval", approved, timeout=60), Workflow[City, bool])
assert_type(cities.wait_for_event("approval", inner), Workflow[City, Forecast])
assert_type(cities.wait_for_event("approval", "files.list"), Workflow[City, Any])

cities.wait_for_event("approval", describe)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.wait_for_event("approval", names)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.wait_for_event(approved, approved)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
cities.wait_for_event("approval", approved, timeout="1m")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
