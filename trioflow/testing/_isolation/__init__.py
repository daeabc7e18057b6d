"""No run can hurt another: trials of all that goes wrong in one run, beside one that goes well."""

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
    """Check that an engine with such a store keeps apart what goes wrong in its runs.

    Some hundred runs get values that cannot be written, or code of theirs raises whatever can be
    raised. Each has to end as failed (in memory, for its readers, and in the store), to leave
    the others alone, and not to run again when another engine recovers what there is. Then
    Ctrl-C comes while a run runs, which another engine has to recover. `check_store` checks what
    a store promises by itself; this is about what engines make of it.

    Takes some seconds of real time. Do not use a ``MockClock``: some bodies run in threads. What
    it puts into the storage stays there, with ids that begin with ``isolation-``.

    Args:
      make_store: Makes a store on the same storage each time: ``lambda: MyStore(url)``. None
        for an engine without a store.

    Raises:
      AssertionError: for the first run of which something is not true. A note says which it was.
    """
    await try_places(Bench(make_store), PLACES)
    await try_gifts(Bench(make_store), GIFTS)
    await try_codes(Bench(make_store), CODE)
    await try_interrupts(partial(Bench, make_store), CODE)
