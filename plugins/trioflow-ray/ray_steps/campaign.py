"""Bodies that write down when they begin and end, for campaigns of kills."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from trioflow_ray import WorkerLostError, ray_options

from trioflow import Retry, StepContext, step

SECONDS = 0.3


@step(
    runner="ray",
    metadata=ray_options(num_cpus=0.5, spread=True),
    retry=Retry(attempts=100, on=(WorkerLostError,)),
)
def note(item: list[Any], ctx: StepContext[Any]) -> int:
    """Write down begin and end of an item: ``[folder, number]``."""
    folder, number = item
    _write(folder, "begin", number)
    time.sleep(SECONDS)
    _write(folder, "end", number)
    return 2 * int(number)


def _write(folder: str, what: str, number: int) -> None:
    import ray

    node = ray.get_runtime_context().get_node_id()
    line = f"{what} {number} {os.getpid()} {node} {time.time()}\n"
    with (Path(folder) / "notes").open("a") as file:
        file.write(line)  # at once, since it is short
