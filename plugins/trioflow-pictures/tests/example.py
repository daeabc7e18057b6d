"""A workflow with something of everything, and a run of it that does not end well."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import trio
from trio.testing import MockClock

from trioflow import Retry, StepContext, Workflow, events, from_step, step, tool
from trioflow.testing import record

STARTED = 1_767_258_000.0
"""When every recorded run of it begins: 2026-01-01 09:00 UTC."""
TWO_HOURS = 7200.0


@attrs.frozen
class City:
    name: str


@attrs.frozen
class Offer:
    train: str
    room: str


@step(retry=Retry(attempts=3, delay=0.4, backoff=2.0, on=(OSError,)))
async def fetch_forecast(city: City, ctx: StepContext) -> City:
    """Ask the weather service."""
    await trio.sleep(0.5)
    if ctx.attempt < 3:
        raise OSError("the weather service does not answer")
    return city


@tool
async def find_train(name: str) -> AsyncIterator[str]:
    """Look for trains."""
    for piece in ("IC ", "61, ", "9:41, ", "track 3"):
        await trio.sleep(0.35)
        yield piece


@step
async def choose_train(city: City, ctx: StepContext) -> str:
    await ctx.write("asking the railways")
    return "".join(await ctx.call_tool(find_train, name=city.name))


@step
async def search_rooms(city: City) -> list[str]:
    await trio.sleep(0.8)
    return ["Grand", "Park", "Station"]


@step
async def pick_room(rooms: list[str]) -> str:
    await trio.sleep(0.4)
    return rooms[-1]


@step
async def book(offer: Offer) -> list[str]:
    """Book what was offered, once somebody has agreed."""
    await trio.sleep(0.6)
    return ["opera", "fjord", "museum", "park", "harbour"]


@step
async def describe_sight(name: str, ctx: StepContext) -> str:
    await ctx.write(f"reading about the {name}")
    await trio.sleep(0.1 * len(name))
    return f"See the {name}."


@step
async def join(lines: list[str]) -> str:
    return " ".join(lines)


@step
async def shorten(text: str) -> str:
    await trio.sleep(0.3)
    return text[: len(text) * 2 // 3]


@step
async def send_mail(text: str) -> None:
    await trio.sleep(0.5)
    raise ConnectionError("the mail server is gone")


@step
async def print_tickets(text: str) -> None:
    await trio.sleep(60)


def is_short(text: str) -> bool:
    return len(text) < 40


hotel = Workflow("hotel", input=City, output=str).then(search_rooms).then(pick_room)
trip = (
    Workflow("trip", input=City, description="Plan a day in a city, and book it.")
    .then(fetch_forecast)
    .parallel(choose_train, hotel)
    .map({"train": from_step(choose_train), "room": from_step(hotel)}, id="offer")
    .wait_for_event("approved", book, timeout=86_400)
    .foreach(describe_sight, concurrency=3)
    .then(join)
    .dountil(shorten, is_short)
    .parallel(send_mail, print_tickets)
)


async def _record() -> list[events.Event]:
    run = trip.create_run(run_id="trip-1")

    async def agree() -> None:
        await trio.sleep(TWO_HOURS)
        run.send_event("approved", None)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(agree)
        return await record(run, City("Oslo"))


def recorded() -> list[events.Event]:
    """Return the events of a run, at times that are always the same."""
    found = trio.run(_record, clock=MockClock(autojump_threshold=0))
    shift = STARTED - found[0].at
    for event in found:
        error = getattr(event, "error", None)
        if error is not None:
            error.with_traceback(None)  # it would show the folders of whoever draws the picture
    moved = [attrs.evolve(event, at=round(event.at + shift, 3)) for event in found]
    first = moved[0]
    assert isinstance(first, events.Start)
    return [attrs.evolve(first, trace_id="5" * 32), *moved[1:]]
