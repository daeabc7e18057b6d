"""Checks that no run can affect another: trials of faulty runs next to a healthy one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from trioflow.abc import Store
from trioflow.testing._isolation.bench import Bench
from trioflow.testing._isolation.code import CODE
from trioflow.testing._isolation.gifts import GIFTS
from trioflow.testing._isolation.places import PLACES
from trioflow.testing._isolation.trials import try_codes, try_gifts, try_interrupts, try_places

__all__ = ["check_isolation"]


async def check_isolation(make_store: Callable[[], Store] | None = None) -> None:
    """Check that an engine with such a store isolates its runs from each other's failures.

    About a hundred runs get values that cannot be written, or run code that raises all kinds of
    exceptions. Each must finish as failed (in memory, for its readers, and in the store), must
    not affect other runs, and must not run again when another engine recovers runs. Then Ctrl-C
    interrupts running runs, which another engine must recover. `check_store` checks the store
    alone; this check covers engines that use it.

    Takes some seconds of real time. Do not use a ``MockClock``, because some bodies run in
    threads. The runs stay in the storage, with ids that begin with ``isolation-``.

    Args:
      make_store: Creates a store on the same storage each time: ``lambda: MyStore(url)``. None
        for an engine without a store.

    Raises:
      AssertionError: for the first run that fails a check. A note names the trial.
    """
    await try_places(Bench(make_store), PLACES)
    await try_gifts(Bench(make_store), GIFTS)
    await try_codes(Bench(make_store), CODE)
    await try_interrupts(partial(Bench, make_store), CODE)
