"""One cluster of two nodes for all tests."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import ray
import trioflow_ray
from ray.cluster_utils import Cluster
from ray_steps import bodies
from trioflow_ray import RayRunner

from trioflow import Engine, open_engine

STORE = 80 * 1024**2
NODE = {"object_store_memory": STORE, "include_dashboard": False}
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Nobody else can reach it. A token is a file in the user's home, which the first cluster writes
    # that starts: of two that start at the same time, one has the token of the other.
    "RAY_AUTH_MODE": "disabled",
    # A dead node is noticed within seconds, and a slow one is not taken for dead.
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "10000",
    "RAY_health_check_failure_threshold": "3",
}
Opening = Callable[..., AbstractAsyncContextManager[Engine]]


def start_cluster(tries: int = 4) -> Any:
    """Start two nodes; again if the 30 s that Ray gives each were too short on a busy machine."""
    try:
        started: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **NODE})
        started.add_node(num_cpus=1, resources={"big": 1}, object_store_memory=STORE)
        started.wait_for_nodes()
    except Exception as error:
        if tries == 1 or "timed out" not in str(error).lower():
            raise
        return start_cluster(tries - 1)
    return started


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    os.environ.update(SETTINGS)
    started = start_cluster()
    # One connection for all tests, whose workers are used again.
    ray.init(started.address, log_to_driver=False, logging_level=logging.ERROR)
    yield started
    ray.shutdown()
    started.shutdown()


@pytest.fixture
def open_ray(cluster: Any) -> Opening:
    @asynccontextmanager
    async def opening(**options: Any) -> AsyncIterator[Engine]:
        runner = RayRunner(cluster.address, **{"grace": 1.0, **options})
        async with open_engine(
            plugins=[trioflow_ray], runners={"ray": runner}, tools=[bodies.shout]
        ) as engine:
            yield engine

    return opening
