"""A saga: book a journey in three places, and undo what is booked if one of them fails.

Each booking notes how to undo it in the state of the run. The journey is a nested workflow under
``on_error="collect"``, so its failure is a value, after which the compensation runs; both are
recorded, so a crash in the middle of either is no problem.
"""

from __future__ import annotations

import operator
from typing import Annotated

import trio
from attrs import field, frozen

from trioflow import Failed, Ok, Retry, StepContext, Workflow, open_engine, reduce, step

BOOKED: set[str] = set()
"""What the services have booked; they know idempotency keys."""


@frozen
class Journey:
    city: str
    nights: int


@frozen
class Undo:
    """The state: what must be undone if the journey fails."""

    booked: Annotated[list[str], reduce(operator.add)] = field(factory=list)


async def book(what: str, journey: Journey, ctx: StepContext[Undo]) -> Journey:
    if what == "hotel" and journey.nights > 30:
        raise ValueError("the hotel takes guests for at most 30 nights")
    reservation = f"{what} in {journey.city}"
    BOOKED.add(reservation)
    ctx.set_state(booked=[reservation])
    return journey


@step
async def flight(journey: Journey, ctx: StepContext[Undo]) -> Journey:
    return await book("flight", journey, ctx)


@step
async def car(journey: Journey, ctx: StepContext[Undo]) -> Journey:
    return await book("car", journey, ctx)


@step
async def hotel(journey: Journey, ctx: StepContext[Undo]) -> Journey:
    return await book("hotel", journey, ctx)


@step(retry=Retry(attempts=10, delay=1, backoff=2, max_delay=600, on=(OSError,)))
async def compensate(ended: dict[str, Ok[Journey] | Failed], ctx: StepContext[Undo]) -> str:
    """Undo in reverse order; patient, for it must succeed in the end."""
    result = ended["journey"]
    if isinstance(result, Ok):
        return "booked: " + ", ".join(ctx.state.booked)
    for reservation in reversed(ctx.state.booked):
        BOOKED.discard(reservation)
    return f"undone: {', '.join(reversed(ctx.state.booked))}; {result.error}"


journey = Workflow("journey", input=Journey, state=Undo).then(flight).then(car).then(hotel)
saga = (
    Workflow("saga", input=Journey, output=str, state=Undo)
    .parallel(journey, on_error="collect")
    .then(compensate)
)


async def main() -> None:
    async with open_engine(workflows=[saga], store="sqlite:runs.db", recover=True) as engine:
        print(await engine.run("saga", Journey("Rome", 3)))
        print(await engine.run("saga", Journey("Oslo", 99)))


if __name__ == "__main__":
    trio.run(main)
