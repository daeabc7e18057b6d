"""Both databases keep all the promises of a store."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from trioflow_sql import SqlStore

from trioflow.testing import assert_no_leaks, check_store
from trioflow.testing.strategies import store_machine


async def test_it_keeps_all_promises(url: str) -> None:
    with assert_no_leaks():
        await check_store(lambda: SqlStore(url))


async def test_it_keeps_them_beside_a_store_of_another_process(url: str) -> None:
    async with SqlStore(url):
        await check_store(lambda: SqlStore(url))


@pytest.mark.filterwarnings("error")
def test_it_does_what_a_dict_does(url: str) -> None:
    few = settings(
        max_examples=settings().max_examples // 5,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )

    run_state_machine_as_test(store_machine(lambda: SqlStore(url)), settings=few)
