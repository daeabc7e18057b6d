"""A program that checks the contract of runners, with clusters that the runner starts itself."""

from __future__ import annotations

import trio
from trioflow_ray import RayRunner

from trioflow.testing import check_runner

LOCAL = {"num_cpus": 2, "object_store_memory": 80 * 1024**2}


async def main() -> None:
    await check_runner(
        lambda: RayRunner(local=LOCAL, num_cpus=0.1), carries_context=False, owns_processes=False
    )


if __name__ == "__main__":
    trio.run(main)
