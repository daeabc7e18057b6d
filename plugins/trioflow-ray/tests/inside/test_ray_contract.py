"""The runner fulfills the contract of runners."""

from __future__ import annotations

from typing import Any

from trioflow_ray import RayRunner

from trioflow.testing import check_runner


async def test_on_a_cluster_of_others(cluster: Any) -> None:
    await check_runner(
        lambda: RayRunner(cluster.address, num_cpus=0.1),
        carries_context=False,
        owns_processes=False,
    )
