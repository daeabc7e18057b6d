"""A person is greeted: a plugin whose values are models of two libraries, one inside another."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct
from pydantic import BaseModel, Field

from trioflow import Workflow, hookimpl, step


class Person(BaseModel):
    name: str = Field(min_length=1)
    age: int = Field(ge=0)


class Greeting(Struct, rename="camel"):
    text: str
    sent_to: Person
    times: Annotated[int, Meta(ge=1)] = 1


@step(id="models.greet")
async def greet(person: Person) -> Greeting:
    """Greet somebody."""
    return Greeting(f"Hello, {person.name}!", person)


@step(id="models.repeat")
async def repeat(greeting: Greeting) -> list[Greeting]:
    """Say it as often as it is meant."""
    return [greeting] * greeting.times


@hookimpl
def trioflow_workflows() -> list[Workflow[Any, Any]]:
    return [
        Workflow("models.greeting", input=Person, output=Greeting).then(greet),
        Workflow("models.repeated", input=Greeting, output=list[Greeting]).then(repeat),
    ]
