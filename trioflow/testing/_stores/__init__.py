"""What `trioflow.abc.Store` promises, as checks that any store has to pass."""

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
    reading_only,
    removing,
    requesting,
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
    *reading_only.PROMISES,
    *cancelling.PROMISES,
    *lasting.PROMISES,
)


async def check_store(
    open_store: Callable[[], AbstractAsyncContextManager[Store]], *, persistent: bool = True
) -> None:
    """Check that a store does what `trioflow.abc.Store` promises.

    The storage may hold other runs, if they are not of the year 1970; they are left alone.
    What the check puts there is removed again if all is well. Takes some seconds of real
    time, because a claim has to expire and an inbox to be full: do not use a ``MockClock``,
    unless the store tells the time by it as well.

    Args:
      open_store: Opens a store on the same storage each time, also while another is open:
        ``lambda: MyStore(url)``.
      persistent: Whether that storage outlives the store. If not, nothing is checked that
        needs a second store.

    Raises:
      StoreContractError: for the first promise that is broken. Anything else that the store
        raises is its cause.
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
        # Not inside of the block: a store with a nursery would put it into a group.
        raise failure
