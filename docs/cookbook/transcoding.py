"""Transcode films in worker processes: several CPUs, live progress, killed when canceled."""

from __future__ import annotations

import hashlib
from pathlib import Path

import trio
from attrs import frozen
from trioflow_process import ProcessRunner, WorkerCrashedError

from trioflow import Failed, Ok, Retry, StepContext, Workflow, open_engine, step


@frozen
class Film:
    source: str
    target: str


@step(
    runner="process",
    timeout=3600,
    retry=Retry(attempts=2, on=(WorkerCrashedError,)),  # a codec may crash its process
)
def transcode(film: Film, ctx: StepContext) -> int:
    """Compute for a while, and write the target at once and whole."""
    data = Path(film.source).read_bytes()
    frames = [data[i : i + 1000] for i in range(0, len(data), 1000)]
    encoded = bytearray()
    for number, frame in enumerate(frames, start=1):
        digest = frame
        for _ in range(50):
            digest = hashlib.sha512(digest).digest()
        encoded += digest
        if number % 10 == 0:
            trio.from_thread.run(ctx.write, {"film": film.source, "frame": number})
    part = Path(f"{film.target}.part")
    part.write_bytes(encoded)
    part.replace(film.target)
    return len(encoded)


@step
async def report(results: list[Ok[int] | Failed]) -> str:
    done = [each.value for each in results if isinstance(each, Ok)]
    return f"{len(done)} films, {sum(done)} bytes, {len(results) - len(done)} failed"


studio = (
    Workflow("studio", input=list[Film], output=str)
    .foreach(transcode, concurrency=4, on_error="collect")
    .then(report)
)


def shoot(folder: Path) -> list[Film]:
    """Make some films, and name one that does not exist."""
    folder.mkdir(exist_ok=True)
    films = []
    for name in ("one", "two", "three"):
        source = folder / f"{name}.raw"
        source.write_bytes(name.encode() * 5000)
        films.append(Film(str(source), str(folder / f"{name}.enc")))
    return [*films, Film("films/missing.raw", "films/missing.enc")]


async def main() -> None:
    films = shoot(Path("films"))
    runners = {"process": ProcessRunner(workers=2)}
    async with open_engine(workflows=[studio], runners=runners) as engine:
        print(await engine.run("studio", films))


if __name__ == "__main__":  # workers import this file, too
    trio.run(main)
