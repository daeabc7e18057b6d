"""The values of an engine: put, read, and freed with the runs that use them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar, cast

import trio

from trioflow._constructor import NoPublicConstructor
from trioflow._durations import Duration, need_seconds
from trioflow._value_refs import ValueRef
from trioflow.abc import ValueStore
from trioflow.values._access import Access
from trioflow.values._contents import Contents
from trioflow.values._names import FREE
from trioflow.values._retention import Retention

T = TypeVar("T")


class Values(metaclass=NoPublicConstructor):
    """Large values outside of journals: `Engine.values`. Made by ``open_engine(values=...)``.

    Steps use ``ctx.put(value)`` and ``ctx.get(ref)``. What a run has put is deleted together with
    the run, unless another run uses it: each run keeps what its own journal names.
    """

    _source = "open_engine(values=...)"

    def __init__(
        self, access: Access, contents: Contents, exists: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._access = access
        self._contents = contents
        self._retention = Retention(access, exists)

    @property
    def store(self) -> ValueStore:
        """The folder or the bucket."""
        return self._access.store

    @cached_property
    def portable(self) -> Access | None:
        """What other processes can use to read and write values themselves, if it is portable."""
        return self._access.portable()

    async def put(self, value: T) -> ValueRef[T]:
        """Write a value, and return a reference to it, for example as the input of a run.

        It is on disk when this returns. If no run uses it, only `collect` deletes it.

        Raises:
          NotSerializableError: if it has no JSON form, or is a secret and there is no codec.
          ValueStoreError: if it cannot be written within the engine's ``store_patience``.

        **Cancellation**: nothing can be read of it; its remains are deleted by `collect`.

        **Checkpoints**: always.
        """
        return await self._put(FREE, value)

    async def get(self, ref: ValueRef[T]) -> T:
        """Return the value that a reference stands for: an equal one, of the same type.

        Raises:
          MissingValueError: if it does not exist.
          DamagedValueError: if its bytes are not those that were written.
          InvalidValueError: if it does not fit today's classes.
          ValueStoreError: if it cannot be read within the engine's ``store_patience``.

        **Checkpoints**: always.
        """
        content = await self._access.read(ref)
        value = await trio.to_thread.run_sync(self._contents.load, ref.kind, content, ref.key)
        return cast("T", value)

    async def collect(self, *, older_than: Duration = timedelta(days=1)) -> int:
        """Delete the values that no run uses, and return their number.

        Such values remain if a process dies before it has recorded a reference or after it has
        deleted a run, and if a value that was put outside of runs is not used. Call it from time
        to time, with an engine on the only store whose runs use this value store: values of runs
        that the store does not have are deleted.

        Args:
          older_than: Seconds, or a timedelta. Younger values are kept, because their references
            may not be recorded yet.

        Raises:
          ValueError: if *older_than* is not a duration.
          StoreError: if the store or the value store fails; some of them may be deleted.

        **Cancellation**: some of them are deleted.

        **Checkpoints**: always.
        """
        return await self._retention.collect(time.time() - need_seconds("older_than", older_than))

    # ------------------------------------------------------------ for the engine
    async def put_in_run(self, run_id: str, value: T) -> ValueRef[T]:
        """Write a value that belongs to a run, and return a reference to it."""
        return await self._put(await self._access.register(run_id), value)

    async def mark(self, run_id: str, refs: Collection[ValueRef[Any]]) -> None:
        """Record that a run uses values of other runs, before its journal names them."""
        await self._retention.mark(run_id, refs)

    async def release(self, run_id: str) -> None:
        """Delete the values that only a deleted run has used."""
        await self._retention.release(run_id)

    async def runs_here(self) -> set[str]:
        """Return the ids of the runs that exist and use values."""
        return await self._retention.runs_here()

    async def _put(self, owner: str, value: T) -> ValueRef[T]:
        kind, content = await trio.to_thread.run_sync(self._contents.dump, value)
        return cast("ValueRef[T]", await self._access.write(owner, kind, content))
