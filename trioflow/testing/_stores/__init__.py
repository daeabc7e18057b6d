"""Checks that a store fulfills the contract of `trioflow.abc.Store`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from trioflow.abc import Store
from trioflow.testing._stores import (
    appending,
    cancelling,
    claiming,
    finding,
    ids,
    lasting,
    looking,
    owning,
    placing,
    queueing,
    reading_only,
    removing,
    requesting,
    scheduling,
)
from trioflow.testing._stores.bench import Bench, Promise, StoreContractError

__all__ = ["PROMISES", "StoreContractError", "check_store"]

PROMISES: tuple[Promise, ...] = (
    lasting.FIRST,
    *appending.PROMISES,
    *ids.PROMISES,
    *looking.PROMISES,
    *claiming.PROMISES,
    *owning.PROMISES,
    *finding.PROMISES,
    *removing.PROMISES,
    *requesting.PROMISES,
    *queueing.PROMISES,
    *placing.PROMISES,
    *reading_only.PROMISES,
    *cancelling.PROMISES,
    *scheduling.PROMISES,
    *lasting.PROMISES,
)


async def check_store(
    open_store: Callable[[], AbstractAsyncContextManager[Store]], *, persistent: bool = True
) -> None:
    """Check that a store fulfills the contract of `trioflow.abc.Store`.

    The storage may hold other runs unless they are from the year 1970; they are not touched. If
    the check passes, it removes everything it has stored. It takes some seconds of real time,
    because a claim must expire and an inbox must fill up. Do not use a ``MockClock`` unless the
    store also measures time with it.

    Args:
      open_store: Opens a store on the same storage each time, even while another is open:
        ``lambda: MyStore(url)``.
      persistent: Whether the storage outlives the store. If not, checks that need a second
        store are skipped.

    Raises:
      StoreContractError: for the first broken promise. Its cause is the exception that the
        store raised, if any.
    """
    for promise in PROMISES:
        if persistent or not promise.persistent:
            await _check(promise, open_store, persistent)


async def _check(
    promise: Promise,
    open_store: Callable[[], AbstractAsyncContextManager[Store]],
    persistent: bool,
) -> None:
    failure = None
    async with open_store() as store:
        bench = Bench(store, open_store if persistent else None)
        try:
            await promise.check(bench)
            await bench.clean_up()
        except AssertionError as error:
            failure = StoreContractError(promise.text, str(error))
        except Exception as error:
            failure = StoreContractError(promise.text, f"{type(error).__name__}: {error}")
            failure.__cause__ = error
    if failure is not None:
        # Not inside the block: a store with a nursery would wrap it in a group.
        raise failure
