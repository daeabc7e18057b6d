"""Ingest documents for retrieval: split, embed in batches with a limit, store; failures aside."""

from __future__ import annotations

import hashlib
import math

import trio
from attrs import frozen

from trioflow import Failed, Limit, Ok, Retry, StepContext, Workflow, open_engine, step


@frozen
class Document:
    id: str
    text: str


@frozen
class Chunk:
    id: str
    text: str


@frozen
class Embedded:
    id: str
    vector: list[float]


INDEX: dict[str, list[float]] = {}
"""Stands for a vector database."""


@step
def split(document: Document) -> list[Chunk]:
    """Split a document into chunks of twenty words, with ids that stay the same."""
    words = document.text.split()
    parts = [" ".join(words[i : i + 20]) for i in range(0, len(words), 20)]
    return [Chunk(f"{document.id}#{number}", part) for number, part in enumerate(parts)]


def embedding_of(text: str) -> list[float]:
    """Stands for a model: eight numbers of length 1."""
    raw = [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]]
    length = math.sqrt(sum(x * x for x in raw))
    return [x / length for x in raw]


@step(limit=Limit("embedder", 2), retry=Retry(attempts=4, delay=0.1, backoff=2, on=(OSError,)))
async def embed(chunks: list[Chunk], ctx: StepContext) -> list[Embedded]:
    """Embed the chunks of one document: one request, two at a time in all runs."""
    if any("\0" in chunk.text for chunk in chunks):
        raise ValueError("not a text")
    await ctx.write({"embedded": len(chunks)})
    return [Embedded(chunk.id, embedding_of(chunk.text)) for chunk in chunks]


@step
async def store(embedded: list[Embedded]) -> int:
    """Write under stable ids, so a document that is ingested again replaces itself."""
    INDEX.update({each.id: each.vector for each in embedded})
    return len(embedded)


one = Workflow("one", input=Document, output=int).then(split).then(embed).then(store)


@step
async def report(results: list[Ok[int] | Failed]) -> dict[str, int]:
    done = [each.value for each in results if isinstance(each, Ok)]
    return {"documents": len(done), "chunks": sum(done), "failed": len(results) - len(done)}


ingest = (
    Workflow("ingest", input=list[Document], output=dict[str, int])
    .foreach(one, concurrency=8, on_error="collect")
    .then(report)
)


async def main() -> None:
    documents = [Document(f"doc-{n}", f"word{n} " * 50) for n in range(4)]
    documents.append(Document("broken", "a \0 b"))
    async with open_engine(workflows=[ingest], store="sqlite:runs.db", recover=True) as engine:
        print(await engine.run("ingest", documents))
    print(len(INDEX), "chunks in the index")


if __name__ == "__main__":
    trio.run(main)
