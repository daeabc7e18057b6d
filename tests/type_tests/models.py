"""The values and steps that the other files build chains from."""

from __future__ import annotations

from collections.abc import AsyncIterator

from attrs import frozen

from trioflow import step, tool


@frozen
class City:
    name: str


@frozen
class Capital(City):
    country: str


@frozen
class Forecast:
    city: str
    high: float


@step
async def locate(name: str) -> City:
    return City(name)


@step
async def fetch_forecast(city: City) -> Forecast:
    return Forecast(city.name, 12.0)


@step
def describe(forecast: Forecast) -> str:
    return f"{forecast.city}: {forecast.high}"


@step
async def warm_up(forecast: Forecast) -> Forecast:
    return Forecast(forecast.city, forecast.high + 1)


@step
async def split(text: str) -> list[City]:
    return [City(name) for name in text.split(",")]


@tool
async def pack(forecast: Forecast, days: int = 1) -> list[str]:
    return ["umbrella"] * days


@tool
async def chat(forecast: Forecast, polite: bool = True) -> AsyncIterator[str]:
    yield "Take "
    yield "an umbrella."
