"""A person is greeted: a plugin whose values are models of two libraries, one inside another.

And of attrs around both, which has a run that waits read all three from its journal.
"""

from __future__ import annotations

from typing import Annotated, Any

from attrs import frozen
from msgspec import Meta, Struct
from pydantic import BaseModel, Field

from trioflow import StepContext, Workflow, hookimpl, step


class Person(BaseModel):
    name: str = Field(min_length=1)
    age: int = Field(ge=0)


class Greeting(Struct, rename="camel"):
    text: str
    sent_to: Person
    times: Annotated[int, Meta(ge=1)] = 1


class Answer(BaseModel):
    approved: bool
    by: Person


@frozen
class Approval:
    greeting: Greeting
    answers: dict[str, Answer]


@step(id="models.greet")
async def greet(person: Person) -> Greeting:
    """Greet somebody."""
    return Greeting(f"Hello, {person.name}!", person)


@step(id="models.repeat")
async def repeat(greeting: Greeting) -> list[Greeting]:
    """Say it as often as it is meant."""
    return [greeting] * greeting.times


@step(id="models.approve", resume=Answer, suspend=Greeting)
async def approve(greeting: Greeting, ctx: StepContext) -> Approval:
    """Ask somebody whether it is fine to say so."""
    if ctx.resume_data is None:
        ctx.suspend(greeting)
    answer = ctx.resume_data
    assert isinstance(greeting.sent_to, Person)
    assert isinstance(answer, Answer)
    return Approval(greeting, {answer.by.name: answer})


@hookimpl
def trioflow_workflows() -> list[Workflow[Any, Any]]:
    return [
        Workflow("models.greeting", input=Person, output=Greeting).then(greet),
        Workflow("models.repeated", input=Greeting, output=list[Greeting]).then(repeat),
        Workflow("models.approved", input=Person, output=Approval).then(greet).then(approve),
    ]
