"""What Ray costs with trioflow around it: ``python -m benchmarks.ray [--quick]``.

Each figure is a ratio to the same work with Ray alone, in the same process and in turns, so that a
busy machine slows both. It is the ratio of the medians of some rounds. Two nodes are started where
nobody else can reach them: in a network of their own, with nothing but loopback.
"""

from __future__ import annotations

import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio

from benchmarks import ray_bodies as bodies
from trioflow import Engine, Step, Workflow, open_engine

ALONE = "TRIOFLOW_RAY_ALONE"
ROUNDS = 3
MB = 1024**2
STORE = 512 * MB
LARGE = 100_000_000
QUICK = "--quick" in sys.argv
Work = Callable[[], Awaitable[float]]


def flow(*steps: Step[Any, Any]) -> Workflow[Any, Any]:
    made = Workflow[Any, Any]("flow")
    for step in steps:
        made = made.then(step)
    return made


async def in_turns(ours: Work, bare: Work, rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the medians of both."""
    found = [(await bare(), await ours()) for _ in range(rounds)]
    alone, with_us = zip(*found, strict=True)
    return statistics.median(with_us), statistics.median(alone)


def tell(what: str, ours: float, bare: float, target: float, unit: str = "ms") -> None:
    ratio, scale = ours / bare, 1000 if unit == "ms" else 1
    figures = f"{bare * scale:.2f} {unit} | {ours * scale:.2f} {unit}"
    print(f"| {what} | {figures} | **{ratio:.2f}** | {target} |", flush=True)


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


# ---------------------------------------------------------------- Ray alone
async def bare_steps(task: Any, count: int, in_flight: int) -> float:
    """Return the seconds per task, with so many at the same time."""
    import ray

    waiting: list[Any] = []
    began = time.perf_counter()
    for number in range(count):
        if len(waiting) == in_flight:
            ready, waiting = ray.wait(waiting)
            ray.get(ready)
        waiting.append(task.remote(number))
    ray.get(waiting)
    return (time.perf_counter() - began) / count


async def bare_calls(count: int) -> float:
    """Return the seconds per call of an actor from a task."""
    import ray

    class Echo:
        def echo(self, value: int) -> int:
            return value

    def call(actor: Any, count: int) -> float:
        began = time.perf_counter()
        for number in range(count):
            ray.get(actor.echo.remote(number))
        return (time.perf_counter() - began) / count

    actor: Any = ray.remote(Echo).options(num_cpus=0, resources={"near": 0.01}).remote()
    task: Any = ray.remote(call)
    ray.get(actor.echo.remote(0))
    found: float = ray.get(task.remote(actor, count))
    ray.kill(actor)
    return found


# ---------------------------------------------------------------- with trioflow
async def steps(engine: Engine, count: int, in_flight: int) -> float:
    """Return the seconds per step."""
    loop = Workflow("loop", input=list[int]).foreach(bodies.plain, concurrency=in_flight)
    began = time.perf_counter()
    found: Any = await engine.run(loop, list(range(count)))
    assert found[-1] == count
    return (time.perf_counter() - began) / count


async def cancel(engine: Engine) -> float:
    """Return the seconds from the request to the end of the run."""
    run = engine.create_run(flow(bodies.hang))
    async with run.stream(1) as stream:
        async for event in stream:
            if event.type == "step-output":
                began = time.perf_counter()
                run.cancel()
        assert (await stream.get_workflow_state()).status == "canceled"
    return time.perf_counter() - began


async def pass_large(engine: Engine, *pair: Step[Any, Any]) -> float:
    """Return the seconds of this process's processor for a large value between two nodes."""
    size = LARGE // 10 if QUICK else LARGE
    began = time.process_time()
    assert await engine.run(flow(*pair), size) == size
    return time.process_time() - began


async def measure_steps(engine: Engine, share: int) -> float:
    """Print the rows about steps; return the seconds of one with Ray alone, 1 in flight."""
    import ray

    task: Any = ray.remote(bodies.add_one)
    await steps(engine, 100, 100)
    single = 0.0
    for count, in_flight, rounds, title, target in (
        (300, 1, ROUNDS, "step, 1 in flight", 1.5),
        (2_000, 100, ROUNDS, "step, 100 in flight", 1.6),
        (10_000, 200, 1, "each of 10,000 items on two nodes, 200 in flight", 1.5),
    ):
        number, before = count // share, memory()
        ours, bare = await in_turns(
            lambda: steps(engine, number, in_flight),  # noqa: B023 - called in this turn
            lambda: bare_steps(task, number, in_flight),  # noqa: B023
            rounds,
        )
        tell(title, ours, bare, target)
        single = single or bare
    tell("memory of the program before and after them", memory() / MB, before / MB, 1.3, "MB")
    return single


async def measure_messages(engine: Engine, window: int, target: float, count: int) -> None:
    """Print the rows about chunks and log records."""
    ours, bare = await in_turns(
        lambda: engine.run(flow(bodies.write), count), lambda: bare_calls(count)
    )
    tell(f"`write`, window of {window}, an actor call", ours, bare, target)
    if window == 1:
        ours, bare = await in_turns(
            lambda: engine.run(flow(bodies.log), 10 * count), lambda: bare_calls(count)
        )
        tell("log record, an actor call", ours, bare, 0.1)


async def measure(address: str) -> None:
    """Print all rows."""
    share = 10 if QUICK else 1
    logging.getLogger("benchmarks.ray").setLevel(logging.INFO)
    print("| | Ray alone | with trioflow | ratio | target |\n| --- | --- | --- | --- | --- |")
    async with open_ray(address) as engine:
        single = await measure_steps(engine, share)
        canceled = [await cancel(engine) for _ in range(20 // share)]
        tell("cancel an async body, a step", statistics.median(canceled), single, 6)
        await measure_messages(engine, 1, 4.2, 300 // share)
        ours, bare = await in_turns(
            lambda: pass_large(engine, bodies.make_ref, bodies.use_ref),
            lambda: pass_large(engine, bodies.make_value, bodies.use_value),
        )
        tell("100 MB by `Ref`, by value: processor time", ours, bare, 0.15)
    async with open_ray(address, window=32) as engine:
        await measure_messages(engine, 32, 1.5, 1000 // share)


def open_ray(address: str, **options: Any) -> Any:
    from trioflow_ray import RayRunner

    return open_engine(plugins=["ray"], runners={"ray": RayRunner(address, **options)})


# ---------------------------------------------------------------- where
def start_alone() -> int:
    """Run this program in a network of its own, and return its exit code."""
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    shell = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    command = [*unshare, *shell, sys.executable, "-m", "benchmarks.ray", *sys.argv[1:]]
    return subprocess.run(command, check=False, env={**os.environ, ALONE: "1"}).returncode


def main() -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": STORE}
    head = {**node, "include_dashboard": False, "resources": {"near": 1}}
    cluster: Any = Cluster(initialize_head=True, head_node_args=head)
    cluster.add_node(**node, resources={"far": 1})
    cluster.wait_for_nodes()
    ray.init(cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    try:
        trio.run(measure, cluster.address)
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    if ALONE in os.environ:
        main()
    else:
        sys.exit(start_alone())
