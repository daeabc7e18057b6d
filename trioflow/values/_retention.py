"""Which values are still used: each by its own run, and by others that have marked it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any

import attrs

from trioflow._value_refs import ValueRef
from trioflow.abc import StoredValue, ValueStore
from trioflow.values._access import Access
from trioflow.values._names import (
    FREE,
    OURS,
    SHORT,
    content_key,
    full_name_key,
    name_of_run,
    owner_of,
    run_of_name,
    use_keys,
)


@attrs.define(eq=False)
class Retention:
    """Marks and frees the values of one value store."""

    access: Access
    exists: Callable[[str], Awaitable[bool]]
    """Returns whether there is a run with an id."""

    @property
    def _store(self) -> ValueStore:
        return self.access.store

    async def mark(self, run_id: str, refs: Collection[ValueRef[Any]]) -> None:
        """Record that a run uses values of others. Its own need no mark.

        Raises:
          ValueStoreError: if that cannot be recorded.
        """
        own = name_of_run(run_id)
        keys = {ref.key for ref in refs if owner_of(ref.key) != own}
        if keys:
            await self.access.register(run_id)
        for key in sorted(keys):
            for mark in use_keys(own, key):
                await self._retried(self._store.write, mark, b"")

    async def release(self, run_id: str) -> None:
        """Delete the values of a deleted run that no other run uses, and its marks."""
        name = name_of_run(run_id)
        used = {mark.key.split("/")[2] for mark in await self._list(f"used/{name}/")}
        for value in await self._list(f"values/{name}/"):
            if value.key.split("/")[2] not in used:
                await self._delete(value.key)
        for mark in await self._list(f"uses/{name}/"):
            await self._unmark(name, mark.key.removeprefix(f"uses/{name}/"))
        if name.startswith(SHORT):
            await self._delete(full_name_key(name))

    async def _unmark(self, user: str, key: str) -> None:
        """Remove a mark; delete the value if it was the last one and its own run is gone."""
        by_user, by_value = use_keys(user, key)
        await self._delete(by_value)
        if not await self._list(f"used/{key}/") and not await self._has_owner(key):
            await self._delete(content_key(key))
        await self._delete(by_user)  # last: it leads here again after a crash

    async def _has_owner(self, key: str) -> bool:
        owner = owner_of(key)
        return owner != FREE and await self._is_there(owner)

    async def _is_there(self, name: str) -> bool:
        run_id = await self._run_id(name)
        return run_id is not None and await self.exists(run_id)

    async def _run_id(self, name: str) -> str | None:
        if not name.startswith(SHORT):
            return run_of_name(name)
        found = await self._retried(self._store.read, full_name_key(name))
        return None if found is None else found.decode()

    async def runs_here(self) -> set[str]:
        """Return the ids of the runs that have values or marks, and exist."""
        keys = [each.key for prefix in ("values/", "uses/") for each in await self._list(prefix)]
        names = {key.split("/")[1] for key in keys} - {FREE}
        found = {await self._run_id(name) for name in names}
        return {run_id for run_id in found if run_id is not None and await self.exists(run_id)}

    async def collect(self, before: float) -> int:
        """Delete the values last written before a time that no run uses; return their number."""
        known: dict[str, bool] = {FREE: False}

        async def is_orphan(each: StoredValue, name: str) -> bool:
            if each.modified_at >= before:
                return False
            if name not in known:
                known[name] = await self._is_there(name)
            return not known[name]

        for each in await self._list("uses/"):
            _, user, key = each.key.split("/", 2)
            if await is_orphan(each, user):
                await self._delete(use_keys(user, key)[1])
                await self._delete(each.key)
        used = {tuple(mark.key.split("/")[1:3]) for mark in await self._list("used/")}
        count = 0
        for each in await self._list("values/"):
            _, owner, id = each.key.split("/")
            if (owner, id) not in used and await is_orphan(each, owner):
                await self._delete(each.key)
                count += 1
        for each in await self._list("names/"):
            if await is_orphan(each, each.key.split("/")[1]):
                await self._delete(each.key)
        for each in await self._list("tmp/"):
            if each.modified_at < before:
                await self._delete(each.key)
        return count

    # ------------------------------------------------------------ the store, with retries
    async def _list(self, prefix: str) -> Sequence[StoredValue]:
        found: Sequence[StoredValue] = await self._retried(self._store.list_values, prefix)
        return [each for each in found if OURS.fullmatch(each.key)]

    async def _delete(self, key: str) -> None:
        await self._retried(self._store.delete, key)

    async def _retried(self, do: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await self.access.retries().run(partial(do, *args))
