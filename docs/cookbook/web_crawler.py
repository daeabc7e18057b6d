"""A crawler that stays polite: a depth, a number of pages, and a limit per host."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urldefrag, urljoin

import httpx
import trio
from attrs import evolve, field, frozen

from trioflow import Failed, Limit, Ok, Retry, StepContext, Workflow, open_engine, step

LINK = re.compile(r'href="([^"]+)"')


@frozen
class Crawl:
    """Where the crawl stands; the value of the loop."""

    frontier: list[str]
    """Pages to fetch next."""
    seen: list[str] = field(factory=list)
    failed: list[str] = field(factory=list)
    depth: int = 2
    """How many rounds are left."""
    pages: int = 100
    """How many pages may be fetched in all."""


@asynccontextmanager
async def open_client() -> AsyncGenerator[httpx.AsyncClient, None]:
    async with httpx.AsyncClient(timeout=10, follow_redirects=True) as client:
        yield client


@step(
    limit=Limit("host", 4),
    retry=Retry(attempts=3, delay=0.2, backoff=2, jitter=0.3, on=(httpx.TransportError,)),
)
async def fetch(url: str, ctx: StepContext) -> list[str]:
    """Return the links of a page."""
    client = await ctx.resource("http", httpx.AsyncClient)
    response = await client.get(url)
    response.raise_for_status()
    return [urldefrag(urljoin(url, link)).url for link in LINK.findall(response.text)]


@step
async def choose(crawl: Crawl, ctx: StepContext) -> list[str]:
    return crawl.frontier[: crawl.pages - len(crawl.seen)]


fetch_all = (
    Workflow("fetch_all", input=Crawl)
    .then(choose)
    .foreach(fetch, concurrency=20, on_error="collect")
)


@step
async def advance(results: list[Ok[list[str]] | Failed], ctx: StepContext) -> Crawl:
    """Make the next frontier of what has been found."""
    crawl = ctx.structure(ctx.init_data, Crawl)
    fetched = crawl.frontier[: len(results)]
    found: dict[str, None] = {}
    failed = list(crawl.failed)
    for url, result in zip(fetched, results, strict=True):
        if isinstance(result, Ok):
            found |= dict.fromkeys(result.value)
        else:
            failed.append(url)
    seen = [*crawl.seen, *fetched]
    same_site = [url for url in found if url not in seen and url.startswith(seen[0])]
    return evolve(crawl, frontier=same_site, seen=seen, failed=failed, depth=crawl.depth - 1)


level = Workflow("level", input=Crawl, output=Crawl).then(fetch_all).then(advance)


def is_done(crawl: Crawl) -> bool:
    return not crawl.frontier or crawl.depth == 0 or len(crawl.seen) >= crawl.pages


crawler = Workflow("crawler", input=Crawl, output=Crawl).dountil(level, is_done)


async def crawl_site(start: str, **options: Any) -> Crawl:
    async with open_engine(resources={"http": open_client}) as engine:
        return await engine.run(crawler, Crawl([start], **options))


if __name__ == "__main__":
    result = trio.run(crawl_site, sys.argv[1])
    print(len(result.seen), "pages,", len(result.failed), "failed")
