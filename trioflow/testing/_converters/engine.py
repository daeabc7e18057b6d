"""Runs workflows in engines with the plugin, and records what a reader sees."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import attrs
import trio

from trioflow.engine import Engine, open_engine
from trioflow.errors import InvalidValueError
from trioflow.results import RunResult
from trioflow.stores import MemoryStore
from trioflow.testing._converters.bench import Bench
from trioflow.wire import to_wire
from trioflow.workflow import Workflow

T = TypeVar("T")


@attrs.define(eq=False)
class Sighting:
    """What was observed of one segment of a run."""

    result: RunResult[Any] | None = None
    error: BaseException | None = None
    """The error of a refused start, or the error of a step."""
    wire: list[dict[str, Any]] = attrs.field(factory=list)
    """The events of the segment, read back from their JSON strings."""

    def ended(self) -> RunResult[Any]:
        """Return the result of a run that was not refused."""
        if self.result is None:
            raise AssertionError(f"a run was refused: {self.error}") from self.error
        return self.result

    def unwrap(self) -> Any:
        """Return the output of the run."""
        return self.ended().unwrap()

    def payloads(self, type_: str) -> list[dict[str, Any]]:
        """Return the payloads of the events of a type."""
        wires = [wire for wire in self.wire if wire["type"] == type_]
        return [wire.get("payload", wire) for wire in wires]

    def expect_faults(self, wanted: set[str], what: str) -> None:
        """Check that a value was refused, with faults at these paths."""
        error = self.error
        if not isinstance(error, InvalidValueError):
            raise AssertionError(f"{what} was not refused; the error is {error!r}")
        found = {fault.path for fault in error.faults}
        if found != wanted:
            problem = f"expected faults at {sorted(wanted)}, got faults at {sorted(found)}"
            raise AssertionError(f"{what}: {problem}")


def in_engine(
    bench: Bench,
    workflow: Workflow[Any, Any],
    use: Callable[[Engine], Awaitable[T]],
    store: MemoryStore | None = None,
) -> T:
    """Call *use* with an engine that has the workflow, and return what it returns."""

    async def main() -> T:
        async with open_engine(plugins=bench.plugins, workflows=[workflow], store=store) as engine:
            return await use(engine)

    return trio.run(main)


def run_each(
    bench: Bench, workflow: Workflow[Any, Any], starts: Iterable[Mapping[str, Any]]
) -> list[Sighting]:
    """Run a workflow once for each of these arguments of `Run.stream`."""

    async def run(engine: Engine) -> list[Sighting]:
        return [
            await watch(engine, engine.create_run(workflow).stream(**start)) for start in starts
        ]

    return in_engine(bench, workflow, run)


async def watch(engine: Engine, opening: AbstractAsyncContextManager[Any]) -> Sighting:
    """Read a stream to its end, and return what was observed."""
    seen = Sighting()
    try:
        async with opening as stream:
            async for event in stream:
                written = json.dumps(to_wire(event, converter=engine.converter), allow_nan=False)
                seen.wire.append(json.loads(written))
            seen.result = await stream.get_workflow_state()
    except InvalidValueError as error:
        seen.error = error
    else:
        seen.error = seen.result.error
    return seen
