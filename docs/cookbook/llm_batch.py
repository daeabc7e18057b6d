"""Thousands of prompts to a provider that allows so many requests per second, and says "later".

A limit bounds how many requests are open at the same time; a pacer bounds how many begin per
second; an error with a ``retry_after`` is obeyed. What fails in the end is reported, not lost.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio
from attrs import define, frozen

from trioflow import Failed, Limit, Ok, Retry, StepContext, Workflow, open_engine, step


class TooManyRequestsError(Exception):
    """An answer 429; the provider says when to come again."""

    retry_after = 0.05


@define
class Pacer:
    """Lets tasks begin one after the other, so many per second."""

    per_second: float
    next_at: float = 0.0

    async def wait(self) -> None:
        now = trio.current_time()
        mine = max(self.next_at, now)
        self.next_at = mine + 1 / self.per_second
        await trio.sleep_until(mine)


@define
class Provider:
    """Stands for a client of a provider; refuses the first attempt of each tenth prompt."""

    pacer: Pacer
    requests: int = 0

    async def complete(self, prompt: str, attempt: int) -> str:
        await self.pacer.wait()
        self.requests += 1
        if prompt == "forbidden":
            raise ValueError("refused by the provider")
        if prompt.endswith("0") and attempt == 1:
            raise TooManyRequestsError
        return prompt.upper()


@asynccontextmanager
async def open_provider() -> AsyncGenerator[Provider, None]:
    yield Provider(Pacer(per_second=500))


@step(
    limit=Limit("provider", 20),
    retry=Retry(attempts=5, delay=0.01, jitter=0.2, on=(TooManyRequestsError, OSError)),
    timeout=60,
)
async def complete(prompt: str, ctx: StepContext) -> str:
    provider = await ctx.resource("provider", Provider)
    return await provider.complete(prompt, ctx.attempt)


@frozen
class Report:
    answers: list[str]
    failed: dict[str, str]


@step
async def summarize(results: list[Ok[str] | Failed], ctx: StepContext) -> Report:
    answers, failed = [], {}
    for prompt, result in zip(ctx.init_data, results, strict=True):
        if isinstance(result, Ok):
            answers.append(result.value)
        else:
            failed[prompt] = str(result.error)
    return Report(answers, failed)


batch = (
    Workflow("batch", input=list[str], output=Report)
    .foreach(complete, concurrency=100, on_error="collect")
    .then(summarize)
)


async def main() -> None:
    prompts = [f"prompt {n}" for n in range(100)]
    prompts.append("forbidden")
    async with open_engine(
        workflows=[batch],
        store="sqlite:runs.db",
        resources={"provider": open_provider},
        recover=True,
    ) as engine:
        report = await engine.run("batch", prompts)
    print(len(report.answers), "answers;", report.failed)


if __name__ == "__main__":
    trio.run(main)
